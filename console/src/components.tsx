// Parts that all views are made of.

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Problem } from "./api";
import { count, short } from "./format";
import type { Series } from "./statistics";
import type { Answer } from "./store";

/** A line over the last minutes. What it shows is said in words too. */
export function Trend(props: {
  series: Series;
  label: string;
  format?: (value: number) => string;
  large?: boolean;
}): JSX.Element {
  const { samples } = props.series;
  const format = props.format ?? short;
  const most = Math.max(...samples.map(({ value }) => value), 0);
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || samples.length < 2) {
    return <span class={`trend ${props.large ? "large" : ""} waiting`} aria-hidden="true" />;
  }
  const span = Math.max(last.at - first.at, 1);
  const points = samples.map(({ at, value }) => {
    const y = most === 0 ? 23 : 23 - (value / most) * 22;
    return `${(((at - first.at) / span) * 100).toFixed(2)},${y.toFixed(2)}`;
  });
  const label = `${props.label}: now ${format(last.value)}, at most ${format(most)}`;
  return (
    <svg
      class={`trend ${props.large ? "large" : ""}`}
      viewBox="0 0 100 24"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      <polygon points={`0,24 ${points.join(" ")} 100,24`} />
      <polyline points={points.join(" ")} />
    </svg>
  );
}

/** A figure with its name, and perhaps its trend. */
export function Figure(props: {
  name: string;
  value: string;
  note?: ComponentChildren;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="figure">
      <dt>{props.name}</dt>
      <dd>
        <span class="value">{props.value}</span>
        {props.note !== undefined && <span class="note">{props.note}</span>}
        {props.children}
      </dd>
    </div>
  );
}

export type Column<T> = {
  title: string;
  cell: (row: T) => ComponentChildren;
  /** What rows are sorted by; without it they cannot be. */
  by?: (row: T) => string | number;
  number?: boolean;
  /** Whether it is left out where there is little room. */
  wide?: boolean;
};

/** How many rows are shown before the rest is asked for. */
const FEW = 200;

/** A table that can be sorted, and scrolls within itself where it is too wide. */
export function Table<T>(props: {
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  id: (row: T) => string | number;
  /** The column that is sorted by at first, if any, and whether the greatest comes first. */
  sorted?: { column: number; down: boolean };
}): JSX.Element {
  const [sorted, sort] = useState(props.sorted);
  const [all, showAll] = useState(false);
  const by = sorted === undefined ? undefined : props.columns[sorted.column]?.by;
  const rows = [...props.rows];
  if (by !== undefined) {
    const sign = sorted?.down ? -1 : 1;
    rows.sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      return x < y ? -sign : x > y ? sign : 0;
    });
  }
  const shown = all ? rows : rows.slice(0, FEW);
  return (
    <div class="scroll" role="region" aria-label={props.caption} tabIndex={0}>
      <table>
        <caption class="unseen">{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((column, at) => {
              const direction = sorted?.column !== at ? undefined : sorted.down ? "descending" : "ascending";
              const toggle = (): void => sort({ column: at, down: direction === undefined ? Boolean(column.number) : direction === "ascending" });
              return (
                <th
                  key={column.title}
                  scope="col"
                  class={classes(column)}
                  {...(direction !== undefined && { "aria-sort": direction })}
                >
                  {column.by === undefined ? (
                    column.title
                  ) : (
                    <button type="button" onClick={toggle}>
                      {column.title}
                      <span class="arrow" aria-hidden="true">
                        {direction === "descending" ? "▾" : direction === "ascending" ? "▴" : ""}
                      </span>
                    </button>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={props.id(row)}>
              {props.columns.map((column, at) =>
                at === 0 ? (
                  <th key={column.title} scope="row" class={classes(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.title} class={classes(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < rows.length && (
        <button type="button" class="more" onClick={() => showAll(true)}>
          Show all {count(rows.length)}
        </button>
      )}
    </div>
  );
}

function classes<T>(column: Column<T>): string {
  return [column.number && "number", column.wide && "wide"].filter(Boolean).join(" ");
}

/** Something to do where there is nothing to show. */
export function Empty(props: { children: ComponentChildren; command?: string }): JSX.Element {
  return (
    <div class="empty">
      <p>{props.children}</p>
      {props.command !== undefined && <pre tabIndex={0}>{props.command}</pre>}
    </div>
  );
}

export function Trouble(props: { problem: Problem }): JSX.Element {
  const { code, message, hint } = props.problem;
  return (
    <div class="trouble" role="alert">
      <p>
        <b>{code}</b> {message}
      </p>
      {hint !== "" && <p>{hint}</p>}
    </div>
  );
}

/** What was answered, once it is there. */
export function Answered<T>(props: {
  answer: Answer<T>;
  children: (data: T) => ComponentChildren;
}): JSX.Element {
  const { data, problem } = props.answer;
  return (
    <>
      {problem !== undefined && <Trouble problem={problem} />}
      {data !== undefined && props.children(data)}
      {data === undefined && problem === undefined && <p class="note">Asking the broker …</p>}
    </>
  );
}

/** The state of a group or broker. */
export function State(props: { state: string }): JSX.Element {
  return <span class={`state ${props.state}`}>{props.state}</span>;
}
