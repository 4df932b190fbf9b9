import type { JSX } from "preact";
import type { Topic } from "../api";
import { path } from "../api";
import { Answered, Empty, Figure, Table, Trend } from "../components";
import { bytes, count, duration, visible } from "../format";
import { to } from "../route";
import { trend, useCall } from "../store";
import { age, bytesPerSecond, perSecond } from "./overview";

export function TopicView(props: { name: string }): JSX.Element {
  const { name } = props;
  const now = (kind: string, format: (value: number) => string): string =>
    format(trend(`topic ${kind} ${name}`).last ?? 0);
  return (
    <>
      <div class="title">
        <h1>
          <span class="kind">Topic</span> {visible(name)}
        </h1>
        <a class="button" href={to(["topics", name, "records"])}>
          Look into records
        </a>
      </div>
      <Answered answer={useCall<Topic>(path("topic", { name }))}>
        {(topic) => {
          const records = topic.partitions.reduce((sum, one) => sum + one.latest - one.earliest, 0);
          return (
            <>
              <dl class="figures trends">
                <Figure name="In" value={now("in", perSecond)} note={now("in bytes", bytesPerSecond)}>
                  <Trend large series={trend(`topic in ${name}`)} label="Records in" format={perSecond} />
                </Figure>
                <Figure name="Out" value={now("out", perSecond)}>
                  <Trend large series={trend(`topic out ${name}`)} label="Records out" format={perSecond} />
                </Figure>
                <Figure name="Records" value={count(records)} note="offsets from earliest to latest" />
                <Figure name="Size" value={bytes(topic.bytes)} note={records > 0 && `${bytes(topic.bytes / records)} a record`} />
              </dl>
              <div class="pair">
                <section aria-labelledby="partitions">
                  <h2 id="partitions">Partitions</h2>
                  <Table
                    caption="Partitions"
                    rows={topic.partitions}
                    id={(one) => one.partition}
                    columns={[
                      {
                        title: "Partition",
                        cell: (one) => (
                          <a
                            href={to(["topics", name, "records"], { partition: String(one.partition) })}
                            aria-label={`Records of partition ${one.partition}`}
                          >
                            {one.partition}
                          </a>
                        ),
                        by: (one) => one.partition,
                      },
                      { title: "Earliest", number: true, cell: (one) => count(one.earliest), by: (one) => one.earliest },
                      { title: "Latest", number: true, cell: (one) => count(one.latest), by: (one) => one.latest },
                      {
                        title: "Records",
                        number: true,
                        cell: (one) => count(one.latest - one.earliest),
                        by: (one) => one.latest - one.earliest,
                      },
                    ]}
                  />
                </section>
                <div>
                  <section aria-labelledby="readers">
                    <h2 id="readers">Read by</h2>
                    {topic.groups.length === 0 ? (
                      <Empty command={`flymq consume ${name} --group billing`}>
                        No group has processed anything of it. Read it as one:
                      </Empty>
                    ) : (
                      <Table
                        caption="Groups that read the topic"
                        rows={topic.groups}
                        id={(one) => one.group}
                        columns={[
                          { title: "Group", cell: (one) => <a href={to(["groups", one.group])}>{visible(one.group)}</a> },
                          { title: "Lag", number: true, cell: (one) => count(one.lag.records) },
                          { title: "Time lag", number: true, cell: (one) => age(one.lag.age_ms) },
                        ]}
                      />
                    )}
                  </section>
                  <section aria-labelledby="configuration">
                    <h2 id="configuration">Configuration</h2>
                    <Table
                      caption="Configuration"
                      rows={Object.entries(topic.config)}
                      id={([key]) => key}
                      columns={[
                        { title: "Key", cell: ([key]) => <code>{key}</code> },
                        { title: "Value", number: true, cell: ([, value]) => value },
                        { title: "In words", cell: ([key, value]) => <span class="note">{meaning(key, Number(value))}</span> },
                      ]}
                    />
                  </section>
                </div>
              </div>
            </>
          );
        }}
      </Answered>
    </>
  );
}

function meaning(key: string, value: number): string {
  if (value === -1) return "no limit";
  if (key.endsWith("_ms")) return duration(value);
  return key.endsWith("_bytes") ? bytes(value) : "";
}
