/** Where a command leaves its exit code. */
import * as Context from "effect/Context"
import type * as Ref from "effect/Ref"

/** The exit code of this run; it is 0 unless a command says otherwise. */
export class Outcome extends Context.Service<Outcome, Ref.Ref<number>>()("holdfast/Outcome") {}
