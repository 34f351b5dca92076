/** The words behind `--`, which are another program's: its command and arguments. Undefined: there is no `--`. */
import * as Context from "effect/Context"

export const Verbatim = Context.Reference<ReadonlyArray<string> | undefined>("holdfast/Verbatim", {
  defaultValue: () => undefined
})
