import type { JSX } from "preact";
import { Answered, Empty, Figure, State, Table, Trend } from "../components";
import { bytes, count, duration, short } from "../format";
import { to } from "../route";
import { trend, useGroups, useOverview, useTopics } from "../store";

/** How many topics and groups stand out. */
const FOREMOST = 8;

export const perSecond = (value: number): string => `${short(value)}/s`;
export const bytesPerSecond = (value: number): string => `${bytes(value)}/s`;
export const age = (ms: number | null): string => (ms === null ? "–" : ms === 0 ? "0" : duration(ms));

function now(name: string, format: (value: number) => string): string {
  const { last } = trend(name);
  return last === undefined ? "…" : format(last);
}

export function OverviewView(): JSX.Element {
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Answered answer={useOverview()}>
        {(overview) => (
          <>
            {overview.reason !== null && (
              <p class="trouble" role="alert">
                <State state={overview.status} /> {overview.reason}
              </p>
            )}
            <dl class="figures trends">
              <Figure name="In" value={now("in", perSecond)} note={now("in bytes", bytesPerSecond)}>
                <Trend large series={trend("in")} label="Records in" format={perSecond} />
              </Figure>
              <Figure name="Out" value={now("out", perSecond)} note={now("out bytes", bytesPerSecond)}>
                <Trend large series={trend("out")} label="Records out" format={perSecond} />
              </Figure>
              <Figure name="Lag" value={count(overview.lag.records)} note="records, all groups">
                <Trend large series={trend("lag")} label="Lag" />
              </Figure>
              <Figure name="Time lag" value={age(overview.lag.age_ms)} note="of the oldest">
                <Trend large series={trend("age")} label="Time lag" format={duration} />
              </Figure>
            </dl>
            <dl class="figures">
              <Figure name="Topics" value={count(overview.topics)} note={`${count(overview.partitions)} partitions`} />
              <Figure name="Groups" value={count(overview.groups)} />
              <Figure name="Stored" value={overview.bytes === null ? "–" : bytes(overview.bytes)} />
              {overview.connections !== null && (
                <Figure name="Connections" value={count(overview.connections)} />
              )}
              <Figure name="Clients connect to" value={overview.address} note={overview.tls ? "TLS" : "no TLS"} />
              <Figure
                name="Acknowledged"
                value={overview.durability === "fsync" ? "on disk" : "in memory"}
                note={`--durability ${overview.durability}`}
              />
            </dl>
          </>
        )}
      </Answered>
      <div class="pair">
        <section aria-labelledby="busiest">
          <h2 id="busiest">Busiest topics</h2>
          <BusiestTopics />
        </section>
        <section aria-labelledby="behind">
          <h2 id="behind">Groups furthest behind</h2>
          <GroupsBehind />
        </section>
      </div>
    </>
  );
}

function BusiestTopics(): JSX.Element {
  const rate = (name: string): number => trend(`topic in ${name}`).last ?? 0;
  return (
    <Answered answer={useTopics()}>
      {({ topics }) =>
        topics.length === 0 ? (
          <Empty command="flymq topic create orders --partitions 6">There are no topics yet. Create one:</Empty>
        ) : (
          <Table
            caption="Busiest topics"
            rows={[...topics]
              .sort((a, b) => rate(b.name) - rate(a.name) || (b.bytes ?? 0) - (a.bytes ?? 0))
              .slice(0, FOREMOST)}
            id={(topic) => topic.name}
            columns={[
              { title: "Topic", cell: (topic) => <a href={to(["topics", topic.name])}>{topic.name}</a> },
              { title: "In", number: true, cell: (topic) => perSecond(rate(topic.name)) },
              {
                title: "Trend",
                cell: (topic) => <Trend series={trend(`topic in ${topic.name}`)} label="Records in" format={perSecond} />,
              },
              { title: "Size", number: true, cell: (topic) => (topic.bytes === null ? "–" : bytes(topic.bytes)) },
            ]}
          />
        )
      }
    </Answered>
  );
}

function GroupsBehind(): JSX.Element {
  return (
    <Answered answer={useGroups()}>
      {({ groups }) =>
        groups.length === 0 ? (
          <Empty command="flymq consume TOPIC --group billing">No consumer group is there yet. Read as one:</Empty>
        ) : (
          <Table
            caption="Groups furthest behind"
            rows={[...groups]
              .sort((a, b) => (b.lag.age_ms ?? 0) - (a.lag.age_ms ?? 0) || b.lag.records - a.lag.records)
              .slice(0, FOREMOST)}
            id={(group) => group.name}
            columns={[
              { title: "Group", cell: (group) => <a href={to(["groups", group.name])}>{group.name}</a> },
              { title: "Lag", number: true, cell: (group) => short(group.lag.records) },
              {
                title: "Trend",
                cell: (group) => <Trend series={trend(`group lag ${group.name}`)} label="Lag" />,
              },
              { title: "Time lag", number: true, cell: (group) => age(group.lag.age_ms) },
            ]}
          />
        )
      }
    </Answered>
  );
}
