/**
 * The end of a hot word whose result cannot be written, told as the whole program tells it.
 */
import { runProgram } from "../internal/nodeMain.ts"
import { reasonOf } from "../internal/nodeShell.ts"
import * as Report from "../Report.ts"
import { unwritten } from "../WriteResult.ts"

export const main = (lost: string, error: NodeJS.ErrnoException, isJson: boolean): void =>
  runProgram(Report.ending(unwritten(lost, reasonOf(error)), isJson))
