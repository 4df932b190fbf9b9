import type { JSX } from "preact";
import type { Connection, Connections } from "../api";
import { Answered, Empty, Figure, Table } from "../components";
import { count, duration, visible } from "../format";
import { useCall, useOverview } from "../store";

export function ConnectionsView(): JSX.Element {
  const { data: overview } = useOverview();
  const since = (one: Connection): string => duration(Math.max(0, (overview?.time_ms ?? one.since_ms) - one.since_ms));
  return (
    <>
      <div class="title">
        <h1>Connections</h1>
      </div>
      <Answered answer={useCall<Connections>("connections")}>
        {({ connections, count: all, limit }) => (
          <>
            <dl class="figures">
              <Figure name="Connections" value={count(all)} note={`at most ${count(limit)}`} />
              <Figure name="Clients" value={count(new Set(connections.map((one) => one.client_id)).size)} note="different names" />
            </dl>
            {all === 0 ? (
              <Empty command="flymq topic list">No client is connected. Be the first:</Empty>
            ) : (
              <>
                {connections.length < all && <p class="note">The newest {count(connections.length)} of them:</p>}
                <Table
                  caption="Connections"
                  rows={connections}
                  id={(one) => one.id}
                  columns={[
                    { title: "Client", cell: (one) => visible(one.client_id) || "–", by: (one) => one.client_id },
                    { title: "Software", wide: true, cell: (one) => visible(one.software) || "–", by: (one) => one.software },
                    { title: "Address", cell: (one) => one.address, by: (one) => one.address },
                    ...(overview?.auth
                      ? [{ title: "User", cell: (one: Connection) => visible(one.user ?? "–"), by: (one: Connection) => one.user ?? "" }]
                      : []),
                    { title: "TLS", wide: true, cell: (one) => (one.tls ? "yes" : "no"), by: (one) => String(one.tls) },
                    { title: "Requests", number: true, cell: (one) => count(one.requests), by: (one) => one.requests },
                    { title: "For", number: true, cell: since, by: (one) => -one.since_ms },
                  ]}
                />
              </>
            )}
          </>
        )}
      </Answered>
    </>
  );
}
