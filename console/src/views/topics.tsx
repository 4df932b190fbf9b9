import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Answered, Empty, Table, Trend } from "../components";
import { bytes, count } from "../format";
import { to } from "../route";
import { trend, useTopics } from "../store";
import { bytesPerSecond, perSecond } from "./overview";

export function TopicsView(): JSX.Element {
  const [wanted, want] = useState("");
  const last = (kind: string, name: string): number => trend(`topic ${kind} ${name}`).last ?? 0;
  return (
    <>
      <div class="title">
        <h1>Topics</h1>
        <Filter value={wanted} change={want} label="Topics whose name contains" />
      </div>
      <Answered answer={useTopics()}>
        {({ topics }) => {
          const found = topics.filter((topic) => topic.name.includes(wanted));
          if (topics.length === 0) {
            return <Empty command="flymq topic create orders --partitions 6">There are no topics yet. Create one:</Empty>;
          }
          if (found.length === 0) return <Empty>No topic's name contains “{wanted}”.</Empty>;
          return (
            <Table
              caption="Topics"
              rows={found}
              id={(topic) => topic.name}
              sorted={{ column: 0, down: false }}
              columns={[
                {
                  title: "Topic",
                  cell: (topic) => <a href={to(["topics", topic.name])}>{topic.name}</a>,
                  by: (topic) => topic.name,
                },
                { title: "Partitions", number: true, wide: true, cell: (topic) => count(topic.partitions), by: (topic) => topic.partitions },
                {
                  title: "Size",
                  number: true,
                  cell: (topic) => (topic.bytes === null ? "–" : bytes(topic.bytes)),
                  by: (topic) => topic.bytes ?? 0,
                },
                { title: "In", number: true, cell: (topic) => perSecond(last("in", topic.name)), by: (topic) => last("in", topic.name) },
                {
                  title: "Trend",
                  cell: (topic) => <Trend series={trend(`topic in ${topic.name}`)} label="Records in" format={perSecond} />,
                },
                {
                  title: "Bytes in",
                  number: true,
                  wide: true,
                  cell: (topic) => bytesPerSecond(last("in bytes", topic.name)),
                  by: (topic) => last("in bytes", topic.name),
                },
                {
                  title: "Out",
                  number: true,
                  wide: true,
                  cell: (topic) => perSecond(last("out", topic.name)),
                  by: (topic) => last("out", topic.name),
                },
              ]}
            />
          );
        }}
      </Answered>
    </>
  );
}

export function Filter(props: { value: string; change: (value: string) => void; label: string }): JSX.Element {
  return (
    <input
      type="search"
      class="filter"
      placeholder="Filter"
      aria-label={props.label}
      value={props.value}
      onInput={(event) => props.change(event.currentTarget.value)}
    />
  );
}
