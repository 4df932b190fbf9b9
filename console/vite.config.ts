import { defineConfig } from "vite";

// The broker serves these four files by their names; see broker/src/http/console.rs.
export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "console.[ext]", codeSplitting: false },
    },
  },
});
