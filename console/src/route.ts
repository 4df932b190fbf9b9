// Addresses within the page: #/topics/orders/records?partition=2

import { useEffect, useState } from "preact/hooks";

export type Route = { parts: string[]; parameters: URLSearchParams };

export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  const parts = path.split("/").filter((part) => part !== "").map(decoded);
  return { parts, parameters: new URLSearchParams(query) };
}

/** The address of a view. */
export function to(parts: readonly string[], parameters: Record<string, string> = {}): string {
  const query = new URLSearchParams(parameters).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${query === "" ? "" : `?${query}`}`;
}

export function useRoute(): Route {
  const [route, go] = useState(() => parse(location.hash));
  useEffect(() => {
    const follow = (): void => go(parse(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}
