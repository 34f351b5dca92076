/**
 * The layout of text whose characters may be of any script.
 */
import * as CliOutput from "effect/cli/CliOutput"
import * as Layout from "./Layout.ts"

/** Of every script. */
export const layout: Layout.Layout = Layout.make(CliOutput.displayWidth)

export const { firstLine, table, wrap } = layout
