import { defineConfig } from "vite";

// The broker serves these four files by their names; see broker/src/http/console.rs.
export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: { entryFileNames: "console.js", assetFileNames: "console.[ext]", inlineDynamicImports: true },
    },
  },
});
