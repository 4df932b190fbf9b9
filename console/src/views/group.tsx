import type { JSX } from "preact";
import type { Group, Member, TopicPartitions } from "../api";
import { path } from "../api";
import { Answered, Empty, Figure, Table, Trend } from "../components";
import { count, duration, ranges, visible } from "../format";
import { to } from "../route";
import { trend, useCall } from "../store";
import { age } from "./overview";

export function GroupView(props: { name: string }): JSX.Element {
  const { name } = props;
  return (
    <>
      <div class="title">
        <h1>
          <span class="kind">Group</span> {visible(name)}
        </h1>
      </div>
      <Answered answer={useCall<Group>(path("group", { name }))}>
        {(group) => {
          const lags = group.partitions.flatMap(({ lag }) => lag ?? []);
          const ages = lags.flatMap(({ age_ms }) => age_ms ?? []);
          return (
            <>
              <dl class="figures trends">
                <Figure name="Lag" value={count(lags.reduce((sum, lag) => sum + lag.records, 0))} note="records">
                  <Trend large series={trend(`group lag ${name}`)} label="Lag" />
                </Figure>
                <Figure name="Time lag" value={age(ages.length === 0 ? null : Math.max(...ages))} note="of the oldest">
                  <Trend large series={trend(`group age ${name}`)} label="Time lag" format={duration} />
                </Figure>
                <Figure name="State" value={group.state} note={`generation ${group.generation}`} />
                <Figure name="Members" value={count(group.members.length)} note={group.assignor} />
              </dl>
              <section aria-labelledby="members">
                <h2 id="members">Members</h2>
                {group.members.length === 0 ? (
                  <Empty command={`flymq consume TOPIC --group ${quoted(name)}`}>Nobody reads as this group now. Join it:</Empty>
                ) : (
                  <Members members={group.members} />
                )}
              </section>
              <section aria-labelledby="partitions">
                <h2 id="partitions">Partitions</h2>
                {group.partitions.length === 0 ? (
                  <Empty>The group holds no partition and has committed no offset.</Empty>
                ) : (
                  <Partitions group={group} />
                )}
              </section>
            </>
          );
        }}
      </Answered>
    </>
  );
}

/** A name as the shell wants it. */
function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${visible(name).replaceAll("'", "'\\''")}'`;
}

function Held(props: { held: TopicPartitions[] }): JSX.Element {
  if (props.held.length === 0) return <span class="note">nothing</span>;
  return (
    <ul class="held">
      {props.held.map(({ topic, partitions }) => (
        <li key={topic}>
          <a href={to(["topics", topic])}>{topic}</a> <span class="digits">{ranges(partitions)}</span>
        </li>
      ))}
    </ul>
  );
}

const same = (a: TopicPartitions[], b: TopicPartitions[]): boolean => JSON.stringify(a) === JSON.stringify(b);

function Members(props: { members: Member[] }): JSX.Element {
  const moving = props.members.some(({ assignment, target }) => !same(assignment, target));
  return (
    <Table
      caption="Members"
      rows={props.members}
      id={(member) => member.member_id}
      columns={[
        {
          title: "Client",
          cell: (member) => (
            <>
              {visible(member.instance_id ?? (member.client_id || "–"))}
              <span class="note block" title={member.member_id}>
                {visible(member.member_id.slice(0, 8))}
              </span>
            </>
          ),
        },
        { title: "Address", wide: true, cell: (member) => member.address },
        {
          title: "Subscribed to",
          wide: true,
          cell: (member) => visible([...member.topics, ...(member.pattern === null ? [] : [`/${member.pattern}/`])].join(", ")),
        },
        { title: "Holds", cell: (member) => <Held held={member.assignment} /> },
        ...(moving
          ? [{ title: "Will hold", cell: (member: Member) => <Held held={member.target} /> }]
          : []),
        { title: "Generation", number: true, wide: true, cell: (member) => member.generation },
      ]}
    />
  );
}

function Partitions(props: { group: Group }): JSX.Element {
  const { members, partitions } = props.group;
  const client = (id: string | null): string => {
    const member = members.find(({ member_id }) => member_id === id);
    return member === undefined ? "–" : visible(member.instance_id ?? (member.client_id || member.member_id.slice(0, 8)));
  };
  return (
    <Table
      caption="Lag by partition"
      rows={partitions}
      id={(one) => `${one.topic}/${one.partition}`}
      columns={[
        {
          title: "Partition",
          cell: (one) => (
            <a href={to(["topics", one.topic, "records"], at(one))}>
              {one.topic} {one.partition}
            </a>
          ),
          by: (one) => `${one.topic} ${String(one.partition).padStart(9, "0")}`,
        },
        {
          title: "Committed",
          number: true,
          wide: true,
          cell: (one) => (one.committed === null ? "–" : count(one.committed)),
          by: (one) => one.committed ?? -2,
        },
        { title: "Latest", number: true, wide: true, cell: (one) => count(one.latest), by: (one) => one.latest },
        { title: "Lag", number: true, cell: (one) => (one.lag === null ? "–" : count(one.lag.records)), by: (one) => one.lag?.records ?? -1 },
        {
          title: "Time lag",
          number: true,
          cell: (one) => (one.lag === null ? "–" : age(one.lag.age_ms)),
          by: (one) => one.lag?.age_ms ?? -1,
        },
        { title: "Held by", cell: (one) => client(one.member_id), by: (one) => client(one.member_id) },
      ]}
    />
  );
}

/** Where the group goes on. */
function at(one: { partition: number; committed: number | null }): Record<string, string> {
  const partition = String(one.partition);
  return one.committed === null ? { partition } : { partition, from: String(one.committed + 1) };
}
