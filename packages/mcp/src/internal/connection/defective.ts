/**
 * A mistake of the program's, ours or the application's, from which no other caller may suffer. Its words may say anything, a
 * password among it: what is told is what kind it is, and the place in the code.
 */
import { isNativeError } from "node:util/types"
import { HandshakeFailed } from "../../McpRuntimeError.ts"

/** The calls that led to it, without its words. */
export const stackOf = (defect: unknown): string =>
  isNativeError(defect)
    ? (defect.stack ?? "").split("\n").filter((line) => /^\s*at .*:\d+:\d+\)?$/.test(line)).join("\n")
    : ""

/** `TypeError at connect (file:///…/connector.ts:12:3)`. */
export const kindOf = (defect: unknown): string => {
  if (!isNativeError(defect)) return `something that is no Error (${typeof defect})`
  const place = (defect.stack ?? "").split("\n").map((line) => line.trim()).find((line) =>
    /^at .*:\d+:\d+\)?$/.test(line)
  )
  return place === undefined ? defect.name : `${defect.name} ${place}`
}

/** A server that cannot be asked because of one. */
export const defective = (server: string, defect: unknown): HandshakeFailed =>
  new HandshakeFailed({ server, description: `an error of the program, which is not quoted: ${kindOf(defect)}` })
