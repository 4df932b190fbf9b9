// Whether dist/, which goes into the broker, is what the sources make: `npm run drift`.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";

const outDir = mkdtempSync(join(tmpdir(), "flymq-dist-"));
try {
  await build({ logLevel: "warn", build: { outDir, emptyOutDir: true } });
  const names = new Set([...readdirSync(outDir), ...readdirSync("dist")]);
  const read = (folder, name) => {
    try {
      return readFileSync(join(folder, name), "utf8");
    } catch {
      return undefined;
    }
  };
  const stale = [...names].filter((name) => read(outDir, name) !== read("dist", name));
  if (stale.length > 0) {
    console.error(`console/dist is not what its sources make (${stale.join(", ")}): run 'npm run build' in console/ and commit it`);
    process.exitCode = 1;
  }
} finally {
  rmSync(outDir, { recursive: true });
}
