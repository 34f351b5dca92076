/** What the whole program goes on with, when the hot path has begun a call. */
import type { Socket } from "node:net"

/** What the whole program goes on with: a session on which a question was asked, or the loss of a call. */
export type Session =
  | {
    readonly _tag: "Open"
    /** It has no listeners left. */
    readonly socket: Socket
    readonly asked: Asked
    /** What came and was not read: the beginning of a line. */
    readonly rest: Buffer
  }
  | { readonly _tag: "Lost"; readonly description: string }

export interface Asked {
  readonly id: string
  readonly method: string
  /** The line of its answer, once that has come. */
  readonly answer: string | undefined
}
