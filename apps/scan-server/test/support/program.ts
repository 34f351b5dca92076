/** The scan server as a file for Node: a bundle of the sources that the test run has made, or the sources. */
import * as path from "node:path"

const bundles = process.env["HOLDFAST_TEST_PROGRAMS"]

export const program = bundles === undefined
  ? path.join(import.meta.dirname, "../../src/main.ts")
  : path.join(bundles, "scan-server.mjs")
