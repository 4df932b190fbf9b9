//! Memory, files and CPU of the process, by the names that all of Prometheus' libraries give them.

use prometheus::proto::MetricFamily;

#[cfg(target_os = "linux")]
pub fn process() -> Vec<MetricFamily> {
    use procfs::WithCurrentSystemInfo;

    use super::scrape::{counter, gauge};

    // Where the operating system does not say, there is nothing to tell.
    let read = || {
        let process = procfs::process::Process::myself()?;
        let (stat, limits) = (process.stat()?, process.limits()?);
        let ticks = procfs::ticks_per_second() as f64;
        let started = procfs::boot_time_secs()? as f64 + stat.starttime as f64 / ticks;
        let mut families = vec![
            counter(
                "process_cpu_seconds_total",
                "User and system CPU time spent.",
                (stat.utime + stat.stime) as f64 / ticks,
            ),
            gauge(
                "process_resident_memory_bytes",
                "Resident memory.",
                stat.rss_bytes().get() as f64,
            ),
            gauge("process_virtual_memory_bytes", "Virtual memory.", stat.vsize as f64),
            gauge("process_start_time_seconds", "When the process started, since 1970.", started),
            gauge("process_threads", "Threads.", stat.num_threads as f64),
            gauge("process_open_fds", "Open file descriptors.", process.fd_count()? as f64),
        ];
        if let procfs::process::LimitValue::Value(most) = limits.max_open_files.soft_limit {
            families.push(gauge("process_max_fds", "Most file descriptors.", most as f64));
        }
        Ok::<_, procfs::ProcError>(families)
    };
    read().unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
pub fn process() -> Vec<MetricFamily> {
    Vec::new()
}
