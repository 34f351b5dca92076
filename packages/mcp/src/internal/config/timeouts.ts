/**
 * The timeouts of an entry, in milliseconds, whatever the program that it was written for counts in.
 *
 * `timeout` limits a tool call; `connectionTimeout` and its like limit the start. The unit is that of the file's program (`configDialects`), or
 * of the name (`startup_timeout_sec`). A number that would be less than a second in one unit, or hours in the other, was meant for another
 * program: it is told of and has no effect.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { isObject } from "./configDialects.ts"
import type { EntryReader, Said } from "./EntryReader.ts"

export interface Timeouts {
  readonly call: number | undefined
  readonly connect: number | undefined
}

export const timeoutsOf = (reader: EntryReader): Timeouts => {
  const call = reader.find("timeout")
  const connect = reader.find("connectTimeout")
  if (call !== undefined && isObject(call.value)) {
    // opencode's form: one for the start, one for each request.
    const part = (name: string): Said | undefined =>
      isObject(call.value) && call.value[name] != null
        ? { name, path: [...call.path, name], value: call.value[name] }
        : undefined
    return { call: millisOf(reader, part("request")), connect: millisOf(reader, connect ?? part("startup")) }
  }
  return { call: millisOf(reader, call), connect: millisOf(reader, connect) }
}

/** No program lets a call take longer, and none gives it less. */
const longest = Duration.toMillis("24 hours")
const shortest = 1000

const millisOf = (reader: EntryReader, said: Said | undefined): number | undefined => {
  if (said === undefined) return undefined
  const { name, path, value } = said
  const unit = /sec$/i.test(name) ? "seconds" : /ms$/i.test(name) ? "milliseconds" : reader.context.dialect.timeout
  const number = typeof value === "number"
    ? value
    : typeof value === "string" && /^\s*\d+(?:\.\d+)?\s*$/.test(value)
    ? Number(value)
    : undefined
  if (number === undefined) {
    // A text with its unit: what it is not is told below.
    const duration = typeof value === "string" ? Duration.fromInput(value as Duration.Input) : Option.none()
    if (Option.isSome(duration)) return Duration.toMillis(duration.value)
    reader.warn(path, "is no duration and has no effect; write a number, or \"30 seconds\"")
    return undefined
  }
  const millis = unit === "seconds" ? number * 1000 : number
  if (millis >= shortest && millis <= longest) return millis
  reader.warn(
    path,
    `has no effect: ${number} ${unit} is ${
      millis < shortest ? "too short" : "too long"
    } for a call; a file of this name counts ${unit}`
  )
  return undefined
}
