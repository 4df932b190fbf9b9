// The frame around all views.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { logOut } from "./api";
import { State } from "./components";
import { duration } from "./format";
import { to, useRoute } from "./route";
import { forget, restart, useLogin, useOverview } from "./store";
import { ConnectionsView } from "./views/connections";
import { EngineView } from "./views/engine";
import { GroupView } from "./views/group";
import { GroupsView } from "./views/groups";
import { LatenciesView } from "./views/latencies";
import { Login } from "./views/login";
import { OverviewView } from "./views/overview";
import { RecordsView } from "./views/records";
import { TopicView } from "./views/topic";
import { TopicsView } from "./views/topics";

const VIEWS: readonly (readonly [string, string])[] = [
  ["overview", "Overview"],
  ["topics", "Topics"],
  ["groups", "Groups"],
  ["connections", "Connections"],
  ["latencies", "Latencies"],
  ["engine", "Engine"],
];

function View(props: { parts: string[]; parameters: URLSearchParams }): JSX.Element {
  const [view = "overview", name, inner] = props.parts;
  if (view === "topics" && name !== undefined) {
    return inner === "records" ? (
      <RecordsView key={name} topic={name} parameters={props.parameters} />
    ) : (
      <TopicView key={name} name={name} />
    );
  }
  if (view === "groups" && name !== undefined) return <GroupView key={name} name={name} />;
  switch (view) {
    case "overview":
      return <OverviewView />;
    case "topics":
      return <TopicsView />;
    case "groups":
      return <GroupsView />;
    case "connections":
      return <ConnectionsView />;
    case "latencies":
      return <LatenciesView />;
    case "engine":
      return <EngineView />;
    default:
      return <p>There is no such view.</p>;
  }
}

export function App(): JSX.Element {
  const route = useRoute();
  const { needed } = useLogin();
  const { data, problem } = useOverview();
  const main = useRef<HTMLElement>(null);
  const view = route.parts[0] ?? "overview";
  const where = route.parts.join("/");
  const first = useRef(true);
  useEffect(() => {
    const titles = [route.parts[1], VIEWS.find(([name]) => name === view)?.[1], "FlyMQ"];
    document.title = titles.filter((title) => title !== undefined).join(" · ");
    // Whoever reads by ear or keyboard goes on in the new view.
    if (first.current) first.current = false;
    else main.current?.focus();
  }, [where]);
  if (needed) return <Login />;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header>
        <a class="brand" href={to(["overview"])}>
          <img src="./icon.svg" alt="" width="22" height="22" />
          FlyMQ
        </a>
        <nav aria-label="Views">
          <ul>
            {VIEWS.map(([name, title]) => (
              <li key={name}>
                <a href={to([name])} {...(view === name && { "aria-current": "page" as const })}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="about">
          {problem !== undefined ? (
            <span role="status">
              <State state="unreachable" />
            </span>
          ) : (
            data !== undefined && (
              <>
                <State state={data.status} />
                <span class="wide">
                  {data.version} · {data.engine} · up {duration(data.uptime_ms)}
                </span>
              </>
            )
          )}
          {data?.principal != null && (
            <button type="button" class="plain" onClick={() => (logOut(), forget(), restart())}>
              Log out {data.principal}
            </button>
          )}
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <View parts={route.parts} parameters={route.parameters} />
      </main>
    </>
  );
}
