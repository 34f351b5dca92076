/**
 * Why there is no daemon for a caller, in a sentence for the person who reads it.
 *
 * A plain error and none of Effect's: the programs that ask for the daemon load no Effect.
 *
 * @example
 * ```ts
 * import { DaemonControl, DaemonRefusal } from "@holdfast/daemon"
 *
 * // No daemon is started for this.
 * export const isRunning = (): Promise<boolean> =>
 *   DaemonControl.status().then(() => true, (error: unknown) => {
 *     if (error instanceof DaemonRefusal && error.code === "NotRunning") return false
 *     throw error
 *   })
 * ```
 */

/** For programs: what kind of refusal it is. */
export type RefusalCode =
  /** No daemon can run here: the place for its socket cannot be used, or the system is not supported. */
  | "NoPlace"
  /** It was started, and did not come up. */
  | "NotStarted"
  /** None is running, and the caller did not want one to be started. */
  | "NotRunning"
  /** The daemon that runs does not take this client: its protocol or its token. */
  | "NotAdmitted"
  /** What the client wants is not understood, or cannot be given. */
  | "BadWish"

/** The one error of everything that asks for the daemon: a `code` for programs, a sentence for people. */
export class DaemonRefusal extends Error {
  override readonly name = "DaemonRefusal"
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}
