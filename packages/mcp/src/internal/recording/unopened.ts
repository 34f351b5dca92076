/** Why a link could not be opened, as a recording has it: the reason of the runtime's error. */
import * as Schema from "effect/Schema"
import {
  CommandNotFound,
  ConnectionLost,
  HandshakeFailed,
  HandshakeTimeout,
  HttpRejected,
  ServerExited,
  SpawnFailed,
  Unreachable
} from "../../McpRuntimeError.ts"

export const Unopened = Schema.Union([
  CommandNotFound,
  SpawnFailed,
  ServerExited,
  HandshakeTimeout,
  HandshakeFailed,
  Unreachable,
  HttpRejected,
  ConnectionLost
])
export type Unopened = typeof Unopened.Type

const codec = Schema.toCodecJson(Unopened)

/** As JSON. */
export const encode = Schema.encodeSync(codec)

const decode = Schema.decodeUnknownSync(codec)

/** The same reason with other words in it. */
export const reworded = (reason: Unopened, reword: (value: unknown) => unknown): Unopened =>
  decode(reword(encode(reason)))
