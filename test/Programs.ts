/** The programs of the workspace as files for Node: bundles of the sources that the test run has made, or the sources. */
import * as path from "node:path"

const bundles = process.env["HOLDFAST_TEST_PROGRAMS"]

const fileOf = (source: string, bundle: string): string =>
  bundles === undefined ? path.resolve(import.meta.dirname, "..", source) : path.join(bundles, `${bundle}.mjs`)

export const holdfast = fileOf("apps/cli/src/main.ts", "holdfast")
export const scanServer = fileOf("apps/scan-server/src/main.ts", "scan-server")

/** One that uses a server by a client of its own kind: see `programs/program.ts`. */
export const client = fileOf("test/programs/program.ts", "client")

/** Servers over stdio by our own host: of the contract, and of calls, questions and changes. */
export const contractStdio = fileOf("test/interop/support/contractStdio.ts", "contract-stdio")
export const echoStdio = fileOf("test/interop/support/echoStdio.ts", "echo-stdio")
