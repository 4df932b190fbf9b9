import type { JSX } from "preact";
import type { Engine } from "../api";
import { Answered, Figure, Table } from "../components";
import { bytes, count, duration, time } from "../format";
import { useCall, useOverview } from "../store";

export function EngineView(): JSX.Element {
  const { data: overview } = useOverview();
  return (
    <>
      <div class="title">
        <h1>Engine</h1>
      </div>
      <Answered answer={useCall<Engine>("engine")}>
        {(engine) => {
          const memory = engine.metrics["process_resident_memory_bytes"];
          return (
            <>
              <dl class="figures">
                <Figure name="Engine" value={overview?.engine ?? "…"} note={overview?.version} />
                {engine.bytes !== null && <Figure name="Stored" value={bytes(engine.bytes)} note="all topics" />}
                {engine.disk !== null && (
                  <Figure
                    name="Free on the disk"
                    value={bytes(engine.disk.free_bytes)}
                    note={`of ${bytes(engine.disk.bytes)}; no writes below ${bytes(engine.disk.min_free_bytes)}`}
                  />
                )}
                {engine.transactions !== null && (
                  <Figure
                    name="Open transactions"
                    value={count(engine.transactions.open)}
                    note={engine.transactions.open > 0 && `oldest for ${duration(engine.transactions.oldest_ms)}`}
                  />
                )}
                <Figure
                  name="In flight"
                  value={bytes(engine.inflight_bytes)}
                  note={`at most ${bytes(engine.inflight_limit_bytes)}`}
                />
                {memory !== undefined && <Figure name="Resident memory" value={bytes(memory)} />}
                {engine.cluster.nodes.length > 0 && (
                  <Figure
                    name="Under-replicated"
                    value={count(engine.cluster.under_replicated)}
                    note={`partitions; ${count(engine.cluster.offline)} offline`}
                  />
                )}
              </dl>
              {engine.cluster.nodes.length > 0 && <Cluster cluster={engine.cluster} />}
              <section aria-labelledby="counters">
                <h2 id="counters">Counters</h2>
                <Table
                  caption="Counters"
                  rows={Object.entries(engine.metrics)}
                  id={([name]) => name}
                  columns={[
                    { title: "Metric", cell: ([name]) => <code>{name}</code> },
                    { title: "Value", number: true, cell: ([name, value]) => figure(name, value) },
                  ]}
                />
                <p class="note">
                  All of them, by topic, group and operation: <a href="metrics">/metrics</a>
                </p>
              </section>
            </>
          );
        }}
      </Answered>
    </>
  );
}

function Cluster(props: { cluster: Engine["cluster"] }): JSX.Element {
  const { brokers, nodes, troubled } = props.cluster;
  const rows = [
    ...brokers.map((one) => ({ ...one, what: "broker" })),
    ...nodes.map((one) => ({ ...one, what: one.controller ? "node, controller" : "node" })),
  ];
  return (
    <section aria-labelledby="cluster">
      <h2 id="cluster">Cluster</h2>
      <Table
        caption="Brokers and nodes"
        rows={rows}
        id={(one) => `${one.what} ${one.id}`}
        columns={[
          { title: "What", cell: (one) => one.what },
          { title: "Id", number: true, cell: (one) => one.id },
          { title: "Address", cell: (one) => `${one.host}:${one.port}` },
        ]}
      />
      {troubled.length > 0 && (
        <p class="trouble">
          Without all their copies: {troubled.map(({ topic, partition }) => `${topic} ${partition}`).join(", ")}
        </p>
      )}
    </section>
  );
}

function figure(name: string, value: number): string {
  if (name.includes("bytes")) return bytes(value);
  if (name === "process_start_time_seconds") return time(value * 1000).slice(0, 16);
  if (name.includes("seconds")) return duration(value * 1000);
  return count(value);
}
