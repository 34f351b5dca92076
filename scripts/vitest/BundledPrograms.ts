/**
 * The programs of the workspace as tests start them: bundles of the sources, made once for a run. To find and read the 900 modules of such a
 * program takes Node two thirds of its start, and tests start some a thousand times.
 *
 * A bundle behaves as the sources do: what is loaded late still is, and a module that looks for a file beside itself finds that of the sources.
 * Only the daemon that a bundle starts is a bundle too. A test that is about the files of a program starts the sources.
 */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import * as Path from "node:path"
import { pathToFileURL } from "node:url"
import { rolldown } from "rolldown"

/** The folder's name in the environment. Without it, as when code is changed to see what notices, tests start the sources. */
const folderName = "HOLDFAST_TEST_PROGRAMS"

const root = Path.resolve(import.meta.dirname, "../..")

const programs = {
  holdfast: "apps/cli/src/main.ts",
  "word-runner": "apps/cli/test/support/wordRunner.ts",
  "scan-server": "apps/scan-server/src/main.ts",
  client: "test/programs/program.ts",
  "contract-stdio": "test/interop/support/contractStdio.ts",
  "echo-stdio": "test/interop/support/echoStdio.ts",
  // A part of the bundle starts it by this name: see `startDaemon`.
  main: "packages/daemon/src/main.ts"
}

/** It finds the daemon beside the bundle's parts. */
const starter = Path.join(root, "packages/daemon/src/internal/startDaemon.ts")

export default async function setup(): Promise<() => void> {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-programs-"))
  const input = Object.fromEntries(Object.entries(programs).map(([name, file]) => [name, Path.join(root, file)]))
  const mains = new Set(Object.values(input))
  const require = createRequire(Path.join(root, "packages/mcp/package.json"))
  const bundle = await rolldown({
    input,
    platform: "node",
    // Effect asks for it, for bundlers that know an environment.
    transform: { define: { "import.meta.env": "undefined" } },
    plugins: [{
      name: "programs",
      resolveId: (id) =>
        // The packages say that none of their modules does anything by itself. These do.
        mains.has(id) ? { id, moduleSideEffects: true } : id === "#undici" ? require.resolve("undici") : undefined,
      transform: (code, id) =>
        id === starter || id.includes("/node_modules/") || !code.includes("import.meta.url")
          ? undefined
          : code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href))
    }]
  })
  await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "parts/[name].mjs",
    // The names of classes and functions are in errors.
    keepNames: true
  })
  await bundle.close()
  process.env[folderName] = folder
  return () => {
    delete process.env[folderName]
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}
