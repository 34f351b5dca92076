/** Why a link could not be opened, as a recording has it: the reason of the runtime's error. */
import * as Schema from "effect/Schema"
import { ConnectReason } from "../../McpRuntimeError.ts"

const codec = Schema.toCodecJson(ConnectReason)

/** As JSON. */
export const encode = Schema.encodeSync(codec)

const decode = Schema.decodeUnknownSync(codec)

/** The same reason with other words in it. */
export const reworded = (reason: ConnectReason, reword: (value: unknown) => unknown): ConnectReason =>
  decode(reword(encode(reason)))
