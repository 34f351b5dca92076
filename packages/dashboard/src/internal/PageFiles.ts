/**
 * Wraps the platform: the files of the page. In a published package they are beside this module, and in the executable of the command line they are assets.
 * In the workspace, where this is a source, they are made from the page's sources at the first use, so that no older ones are ever served.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"

/** One file of the page. */
export interface PageFile {
  readonly type: string
  readonly text: string
}

/** By their paths. The page itself has none. */
export type PageFiles = ReadonlyMap<string, PageFile>

/** What the bundler of the workspace gives: the texts of `page.js` and `page.css`. */
interface Bundled {
  readonly bundlePage: () => Promise<{ readonly script: string; readonly style: string }>
}

const isSource = import.meta.url.endsWith(".ts")

const bundled = Effect.promise(async () => {
  const module: unknown = await import(new URL("../../build/bundlePage.ts", import.meta.url).href)
  // The module is the workspace's own, and no package could import it by its name.
  return (module as Bundled).bundlePage()
})

const built = Effect.sync(() => {
  const sea = process.getBuiltinModule("node:sea")
  const text = (name: string): string =>
    sea.isSea() ? sea.getAsset(name, "utf8") : fs.readFileSync(new URL(`../page/${name}`, import.meta.url), "utf8")
  return { script: text("page.js"), style: text("page.css") }
})

/** Once for a process. */
export const load: Effect.Effect<PageFiles> = Effect.runSync(Effect.cached(Effect.map(
  isSource ? bundled : built,
  ({ script, style }) =>
    new Map([
      ["", { type: "text/html", text: document }],
      ["page.js", { type: "text/javascript", text: script }],
      ["page.css", { type: "text/css", text: style }]
    ])
)))

/** Nothing of the host is in it. */
const document = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Holdfast</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
<script type="module" src="page.js"></script>
</head>
<body>
<noscript>This page needs JavaScript. The same is on a terminal: holdfast status, holdfast events.</noscript>
</body>
</html>
`
