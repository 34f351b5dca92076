/**
 * The program under test, as a command and its first arguments: the sources, on the Node of the test. `HOLDFAST_CLI` names another one, as the
 * standalone executable: `HOLDFAST_CLI=$PWD/dist/executable/holdfast pnpm vitest run apps/cli --project integration`.
 */
import * as path from "node:path"

const other = process.env["HOLDFAST_CLI"]

export const program: readonly [command: string, ...args: Array<string>] = other === undefined || other === ""
  ? [process.execPath, path.resolve(import.meta.dirname, "../../src/main.ts")]
  : [path.resolve(other)]
