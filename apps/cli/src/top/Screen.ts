/**
 * A whole terminal for one program: what is typed, how large it is, and a way to write to it.
 *
 * Promises: while it is held it is an alternate screen without a cursor, in raw mode; when the Scope closes, and whenever the process ends by its own
 * doing (signals, faults), it is as it was before.
 *
 * **Gotchas**: a process that is killed with SIGKILL restores nothing. `reset` of the shell does.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/** Cells. */
export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** What the terminal tells. `resized` comes also when its content is lost, after the program was stopped and went on. */
export type ScreenNews =
  | { readonly _tag: "Typed"; readonly text: string }
  | { readonly _tag: "Resized" }
  /** There is nothing more to read: the terminal has gone. */
  | { readonly _tag: "Gone" }

/** A screen that is held. */
export interface HeldScreen {
  readonly size: () => ScreenSize
  readonly news: Queue.Dequeue<ScreenNews>
  /** Stops the process as Ctrl-Z does elsewhere: the screen is given back, and taken again when the process goes on. */
  readonly stop: Effect.Effect<void>
}

/** The terminal of this process. */
export class Screen extends Context.Service<Screen, {
  /** Stdin and stdout are one terminal that knows escape codes. */
  readonly isThere: boolean
  readonly hold: Effect.Effect<HeldScreen, never, Scope.Scope>
}>()("holdfast/Screen") {}
