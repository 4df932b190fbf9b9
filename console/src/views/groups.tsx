import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Answered, Empty, State, Table, Trend } from "../components";
import { count, duration, visible } from "../format";
import { to } from "../route";
import { trend, useGroups } from "../store";
import { age } from "./overview";
import { Filter } from "./topics";

export function GroupsView(): JSX.Element {
  const [wanted, want] = useState("");
  return (
    <>
      <div class="title">
        <h1>Consumer groups</h1>
        <Filter value={wanted} change={want} label="Groups whose name contains" />
      </div>
      <Answered answer={useGroups()}>
        {({ groups }) => {
          const found = groups.filter((group) => group.name.includes(wanted));
          if (groups.length === 0) {
            return <Empty command="flymq consume TOPIC --group billing">No consumer group is there yet. Read as one:</Empty>;
          }
          if (found.length === 0) return <Empty>No group's name contains “{wanted}”.</Empty>;
          return (
            <Table
              caption="Consumer groups"
              rows={found}
              id={(group) => group.name}
              sorted={{ column: 0, down: false }}
              columns={[
                {
                  title: "Group",
                  cell: (group) => <a href={to(["groups", group.name])}>{visible(group.name)}</a>,
                  by: (group) => group.name,
                },
                { title: "State", cell: (group) => <State state={group.state} />, by: (group) => group.state },
                { title: "Members", number: true, wide: true, cell: (group) => count(group.members), by: (group) => group.members },
                { title: "Lag", number: true, cell: (group) => count(group.lag.records), by: (group) => group.lag.records },
                {
                  title: "Trend of lag",
                  wide: true,
                  cell: (group) => <Trend series={trend(`group lag ${group.name}`)} label="Lag" />,
                },
                { title: "Time lag", number: true, cell: (group) => age(group.lag.age_ms), by: (group) => group.lag.age_ms ?? 0 },
                {
                  title: "Trend of time lag",
                  wide: true,
                  cell: (group) => <Trend series={trend(`group age ${group.name}`)} label="Time lag" format={duration} />,
                },
                { title: "Rebalances", number: true, wide: true, cell: (group) => count(group.rebalances), by: (group) => group.rebalances },
              ]}
            />
          );
        }}
      </Answered>
    </>
  );
}
