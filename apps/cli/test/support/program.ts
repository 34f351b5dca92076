/**
 * The program under test, as a command and its first arguments: a bundle of the sources that the test run has made, or the sources, on the Node of
 * the test. `HOLDFAST_CLI` names another one, as the standalone executable:
 * `HOLDFAST_CLI=$PWD/dist/executable/holdfast pnpm vitest run apps/cli --project integration`.
 */
import * as path from "node:path"

const other = process.env["HOLDFAST_CLI"]
const bundles = process.env["HOLDFAST_TEST_PROGRAMS"]

/** The sources' own file, for what is about files. */
export const source = path.resolve(import.meta.dirname, "../../src/main.ts")

/** A file for Node, whatever `HOLDFAST_CLI` says. */
export const main = bundles === undefined ? source : path.join(bundles, "holdfast.mjs")

/** Runs words one after another, see `wordRunner.ts`. */
export const wordRunner = bundles === undefined
  ? path.resolve(import.meta.dirname, "wordRunner.ts")
  : path.join(bundles, "word-runner.mjs")

export const program: readonly [command: string, ...args: Array<string>] = other === undefined || other === ""
  ? [process.execPath, main]
  : [path.resolve(other)]
