import type { JSX } from "preact";
import type { Latencies, Latency } from "../api";
import { Answered, Empty, Table } from "../components";
import { count, latency } from "../format";
import { percentile } from "../statistics";
import { lastMinute, useCall } from "../store";
import { perSecond } from "./overview";

const SHARES: readonly (readonly [string, number, boolean])[] = [
  ["p50", 0.5, false],
  ["p90", 0.9, true],
  ["p99", 0.99, false],
  ["p99.9", 0.999, true],
];

/** These are answered late on purpose. */
const WAITING = new Set(["FETCH"]);

type Row = { name: string; all: Latency; errors: number };

export function LatenciesView(): JSX.Element {
  return (
    <>
      <div class="title">
        <h1>Latencies</h1>
      </div>
      <Answered answer={useCall<Latencies>("latencies")}>
        {({ operations, commits, errors }) => {
          const failed = (operation: string): number =>
            errors.filter((one) => one.operation === operation).reduce((sum, one) => sum + one.count, 0);
          const rows = operations.map((all) => ({ name: all.operation, all, errors: failed(all.operation) }));
          if (rows.length === 0) {
            return <Empty command="echo hello | flymq produce TOPIC">No client has asked for anything yet.</Empty>;
          }
          return (
            <>
              <section aria-labelledby="minute">
                <h2 id="minute">Last minute</h2>
                <Percentiles caption="Latencies of the last minute" rows={rows} recent />
              </section>
              <section aria-labelledby="ever">
                <h2 id="ever">Since the broker started</h2>
                <Percentiles caption="Latencies since the broker started" rows={rows} />
              </section>
              <section aria-labelledby="disk">
                <h2 id="disk">Bringing it to the disk</h2>
                <Percentiles caption="Commits" rows={[{ name: "commit", all: commits, errors: 0 }]} />
                <p class="note">
                  One commit serves all requests that wait for it. Times are from a request's arrival to its answer, and
                  FETCH waits for records to come. Percentiles are read off histograms, so they are exact to a bucket.
                </p>
              </section>
              {errors.length > 0 && (
                <section aria-labelledby="errors">
                  <h2 id="errors">Answered with an error</h2>
                  <Table
                    caption="Errors"
                    rows={errors}
                    id={(one) => `${one.operation} ${one.error}`}
                    sorted={{ column: 2, down: true }}
                    columns={[
                      { title: "Operation", cell: (one) => one.operation || "–", by: (one) => one.operation },
                      { title: "Error", cell: (one) => <code>{one.error}</code>, by: (one) => one.error },
                      { title: "Times", number: true, cell: (one) => count(one.count), by: (one) => one.count },
                    ]}
                  />
                </section>
              )}
            </>
          );
        }}
      </Answered>
    </>
  );
}

function Percentiles(props: { caption: string; rows: Row[]; recent?: boolean }): JSX.Element {
  const measured = (row: Row): { latency: Latency; seconds: number } | undefined =>
    props.recent ? lastMinute(row.all) : { latency: row.all, seconds: 0 };
  const shown = (row: Row, share: number): string => {
    const value = percentile(measured(row)?.latency ?? { ...row.all, count: 0 }, share);
    return value === undefined ? "–" : latency(value);
  };
  return (
    <Table
      caption={props.caption}
      rows={props.rows}
      id={(row) => row.name}
      columns={[
        {
          title: "Operation",
          cell: (row) => (
            <>
              {row.name}
              {WAITING.has(row.name) && <span class="note"> waits</span>}
            </>
          ),
          by: (row) => row.name,
        },
        {
          title: props.recent ? "Rate" : "Times",
          number: true,
          cell: (row) => {
            const part = measured(row);
            if (part === undefined) return "…";
            return props.recent ? perSecond(part.latency.count / part.seconds) : count(part.latency.count);
          },
          by: (row) => measured(row)?.latency.count ?? 0,
        },
        ...SHARES.map(([title, share, wide]) => ({
          title,
          number: true,
          wide,
          cell: (row: Row) => shown(row, share),
          by: (row: Row) => percentile(measured(row)?.latency ?? row.all, share) ?? 0,
        })),
        ...(props.recent
          ? []
          : [{ title: "Errors", number: true, wide: true, cell: (row: Row) => count(row.errors), by: (row: Row) => row.errors }]),
      ]}
    />
  );
}
