import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Blob, call, type ConsumedRecord, path, Problem, type Records, type Topic } from "../api";
import { Answered, Empty, Trouble } from "../components";
import { bytes, count, time, visible } from "../format";
import { to } from "../route";
import { useCall } from "../store";
import { FORMATS, type Format, guess, render, summary } from "../value";

/** How many records are asked for at a time. */
const PAGE = 50;
/** Of topics with more partitions, one is looked into at a time. */
const MOST_PARTITIONS = 64;
/** How much of a value is asked for if somebody wants to see more of it. */
const WHOLE = 1 << 20;
/** How often the newest are asked for, in milliseconds. */
const FOLLOWING = 2000;

type Position = "newest" | "from" | "before" | "from_ms";
type Wanted = { partition: string; position: Position; value: string; uncommitted: boolean };

function wantedBy(parameters: URLSearchParams): Wanted {
  const positions: Position[] = ["from", "before", "from_ms"];
  const position = positions.find((name) => parameters.has(name)) ?? "newest";
  return {
    partition: parameters.get("partition") ?? "",
    position,
    value: parameters.get(position) ?? "",
    uncommitted: parameters.get("uncommitted") === "true",
  };
}

function address(topic: string, wanted: Wanted): string {
  return to(["topics", topic, "records"], {
    ...(wanted.partition !== "" && { partition: wanted.partition }),
    ...(wanted.position !== "newest" && { [wanted.position]: wanted.value }),
    ...(wanted.uncommitted && { uncommitted: "true" }),
  });
}

export function RecordsView(props: { topic: string; parameters: URLSearchParams }): JSX.Element {
  const { topic } = props;
  const wanted = wantedBy(props.parameters);
  const described = useCall<Topic>(path("topic", { name: topic }));
  const partitions = described.data?.partitions.length ?? 0;
  const partition = wanted.partition === "" && partitions > MOST_PARTITIONS ? "0" : wanted.partition;
  const [found, setFound] = useState<{ data?: Records; problem?: Problem }>({});
  const [following, follow] = useState(false);
  const request =
    described.data === undefined
      ? undefined
      : path("records", {
          topic,
          partition,
          limit: PAGE,
          uncommitted: wanted.uncommitted,
          ...(wanted.position !== "newest" && { [wanted.position]: wanted.value }),
        });
  const live = following && wanted.position === "newest";

  useEffect(() => {
    if (request === undefined) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      if (!document.hidden) {
        try {
          setFound({ data: await call<Records>(request, stop.signal) });
        } catch (error) {
          if (stop.signal.aborted) return;
          if (!(error instanceof Problem)) throw error;
          setFound({ problem: error });
        }
      }
      if (live && !stop.signal.aborted) timer = setTimeout(() => void look(), FOLLOWING);
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [request, live]);

  return (
    <>
      <div class="title">
        <h1>
          <span class="kind">Records of</span> <a href={to(["topics", topic])}>{visible(topic)}</a>
        </h1>
      </div>
      {described.problem !== undefined && described.data === undefined && <Trouble problem={described.problem} />}
      {described.data !== undefined && (
        <Chooser
          key={props.parameters.toString()}
          topic={topic}
          wanted={{ ...wanted, partition }}
          partitions={partitions}
          following={following}
          follow={follow}
        />
      )}
      {described.data !== undefined && (
        <Answered answer={found}>
          {(data) => <Found topic={topic} wanted={{ ...wanted, partition }} data={data} live={live} />}
        </Answered>
      )}
    </>
  );
}

function Chooser(props: {
  topic: string;
  wanted: Wanted;
  partitions: number;
  following: boolean;
  follow: (on: boolean) => void;
}): JSX.Element {
  const [wanted, want] = useState(props.wanted);
  const change = (part: Partial<Wanted>): void => want({ ...wanted, ...part });
  const byOffset = wanted.position === "from" || wanted.position === "before";
  const single = wanted.partition !== "";
  const show = (event: Event): void => {
    event.preventDefault();
    location.hash = address(props.topic, wanted);
  };
  const local = (ms: string): string => {
    const date = new Date(Number(ms) - new Date().getTimezoneOffset() * 60_000);
    return ms === "" || Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 19);
  };
  return (
    <form class="chooser" onSubmit={show}>
      <label>
        Partition
        <select
          value={wanted.partition}
          onChange={(event) => {
            const partition = event.currentTarget.value;
            change(partition === "" && byOffset ? { partition, position: "newest", value: "" } : { partition });
          }}
        >
          {props.partitions <= MOST_PARTITIONS && <option value="">all</option>}
          {Array.from({ length: props.partitions }, (_, at) => (
            <option key={at} value={String(at)}>
              {at}
            </option>
          ))}
        </select>
      </label>
      <label>
        Show
        <select
          value={wanted.position}
          onChange={(event) => change({ position: event.currentTarget.value as Position, value: "" })}
        >
          <option value="newest">the newest</option>
          <option value="from_ms">from a time on</option>
          {single && <option value="from">from an offset on</option>}
          {single && <option value="before">before an offset</option>}
        </select>
      </label>
      {byOffset && (
        <label>
          Offset
          <input
            type="number"
            min="0"
            required
            value={wanted.value}
            onInput={(event) => change({ value: event.currentTarget.value })}
          />
        </label>
      )}
      {wanted.position === "from_ms" && (
        <label>
          Time
          <input
            type="datetime-local"
            step="1"
            required
            value={local(wanted.value)}
            onInput={(event) => {
              const ms = new Date(event.currentTarget.value).getTime();
              change({ value: Number.isNaN(ms) ? "" : String(ms) });
            }}
          />
        </label>
      )}
      <button type="submit">Show</button>
      <label class="check">
        <input
          type="checkbox"
          checked={wanted.uncommitted}
          onChange={(event) => change({ uncommitted: event.currentTarget.checked })}
        />
        uncommitted too
      </label>
      {props.wanted.position === "newest" && (
        <label class="check">
          <input
            type="checkbox"
            checked={props.following}
            onChange={(event) => props.follow(event.currentTarget.checked)}
          />
          follow
        </label>
      )}
    </form>
  );
}

function Found(props: { topic: string; wanted: Wanted; data: Records; live: boolean }): JSX.Element {
  const { topic, wanted, data } = props;
  const newestFirst = wanted.position === "newest" || wanted.position === "before";
  const records = newestFirst ? [...data.records].reverse() : data.records;
  if (records.length === 0) {
    return data.partitions.every((one) => one.latest === one.earliest) ? (
      <Empty command={`echo hello | flymq produce ${topic}`}>There are no records here yet. Write one:</Empty>
    ) : (
      <Empty>There is no record there. Choose another place.</Empty>
    );
  }
  return (
    <>
      <p class="note" role="status">
        {count(records.length)} records, {newestFirst ? "newest first" : "oldest first"}
        {data.cut && "; more were left out, since an answer is bounded"}
      </p>
      <ol class="records" aria-label="Records">
        {records.map((record) => (
          <RecordLine key={`${record.partition}/${record.offset}`} topic={topic} record={record} uncommitted={wanted.uncommitted} />
        ))}
      </ol>
      {wanted.partition !== "" && <Pages topic={topic} wanted={wanted} data={data} />}
    </>
  );
}

/** The ways to what stands before and after. */
function Pages(props: { topic: string; wanted: Wanted; data: Records }): JSX.Element {
  const { topic, wanted, data } = props;
  const offsets = data.records.map(({ offset }) => offset);
  const [first, last] = [Math.min(...offsets), Math.max(...offsets)];
  const partition = data.partitions[0];
  const go = (position: Position, value: number): string =>
    address(topic, { ...wanted, position, value: String(value) });
  return (
    <nav class="pages" aria-label="Pages">
      {partition !== undefined && first > partition.earliest && <a href={go("before", first)}>Older</a>}
      {partition !== undefined && last + 1 < partition.latest && <a href={go("from", last + 1)}>Newer</a>}
    </nav>
  );
}

function RecordLine(props: { topic: string; record: ConsumedRecord; uncommitted: boolean }): JSX.Element {
  const { record } = props;
  const [open, toggle] = useState(false);
  return (
    <li>
      <button type="button" class="line" aria-expanded={open} onClick={() => toggle(!open)}>
        <span class="place">
          <span class="unseen">Partition </span>
          {record.partition}
          <span aria-hidden="true">:</span>
          <span class="unseen"> offset </span>
          {record.offset}
        </span>
        <time class="when">{time(record.timestamp_ms)}</time>
        <span class="key">{record.key === null ? <i>no key</i> : summary(record.key, 60)}</span>
        <span class="what">
          <Summary record={record} />
        </span>
      </button>
      {open && <Detail {...props} />}
    </li>
  );
}

function Summary(props: { record: ConsumedRecord }): JSX.Element {
  const { value, encrypted } = props.record;
  if (encrypted !== null) {
    const key = encrypted.key_id === null ? "its header is malformed" : `key ${encrypted.key_id}`;
    return <span class="sealed">encrypted, {key}</span>;
  }
  if (value === null) return <i>no value</i>;
  return value.bytes === 0 ? <i>empty</i> : <>{summary(value)}</>;
}

function Detail(props: { topic: string; record: ConsumedRecord; uncommitted: boolean }): JSX.Element {
  const { record, topic } = props;
  const [whole, setWhole] = useState<ConsumedRecord>();
  const [problem, setProblem] = useState<Problem>();
  const shown = whole ?? record;
  const load = (): void => {
    const { partition, offset } = record;
    const parameters = { topic, partition, from: offset, limit: 1, max_value_bytes: WHOLE, uncommitted: props.uncommitted };
    call<Records>(path("records", parameters)).then(
      ({ records }) => setWhole(records.find((one) => one.offset === offset)),
      (error: unknown) => error instanceof Problem && setProblem(error),
    );
  };
  return (
    <div class="detail">
      {record.encrypted !== null && (
        <p class="note">
          {record.encrypted.key_id === null
            ? "It is marked as encrypted, and the mark is malformed: nobody can open it."
            : `A client has encrypted it with the key “${record.encrypted.key_id}”. Only who has that key can read it.`}
          {record.encrypted.headers_sealed && " Its headers are sealed too."}
          {record.encrypted.no_value && " It has no value."}
        </p>
      )}
      {problem !== undefined && <Trouble problem={problem} />}
      {shown.key !== null && <Value title="Key" blob={shown.key} />}
      {shown.value === null ? (
        <p class="note">No value: it marks a deletion.</p>
      ) : (
        <Value title="Value" blob={shown.value} {...(whole === undefined && { load })} sealed={record.encrypted !== null} />
      )}
      {shown.headers.length > 0 && (
        <>
          <h3>Headers</h3>
          <dl class="headers">
            {shown.headers.map(({ name, value }, at) => (
              <div key={at}>
                <dt>{summary(name)}</dt>
                <dd>{value === null ? <i>no value</i> : summary(value, 400)}</dd>
              </div>
            ))}
          </dl>
          {shown.more_headers > 0 && <p class="note">and {count(shown.more_headers)} more</p>}
        </>
      )}
    </div>
  );
}

function Value(props: { title: string; blob: Blob; load?: () => void; sealed?: boolean }): JSX.Element {
  const { blob } = props;
  const [chosen, choose] = useState<Format>(() => (props.sealed ? "hex" : guess(blob)));
  const text = render(blob, chosen);
  return (
    <section class="value">
      <div class="formats">
        <h3>{props.title}</h3>
        <span class="note">{bytes(blob.bytes)}</span>
        <fieldset>
          <legend class="unseen">{props.title} as</legend>
          {FORMATS.map((format) => (
            <button key={format} type="button" aria-pressed={format === chosen} onClick={() => choose(format)}>
              {format}
            </button>
          ))}
        </fieldset>
      </div>
      {text === undefined ? (
        <p class="note">
          {blob.truncated ? `Too long to be read as ${chosen}: only its beginning is here.` : `It is no ${chosen}.`}
        </p>
      ) : (
        <pre tabIndex={0} aria-label={props.title}>
          {text}
          {blob.truncated && "…"}
        </pre>
      )}
      {blob.truncated && (
        <p class="note">
          The beginning of {bytes(blob.bytes)}.{" "}
          {props.load !== undefined && (
            <button type="button" onClick={props.load}>
              Show {blob.bytes <= WHOLE ? "all of it" : `its first ${bytes(WHOLE)}`}
            </button>
          )}
        </p>
      )}
    </section>
  );
}
