/** What a client calls itself, for people to read: any client may say anything, and operators read it on terminals and pages. */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"

/** The `clientInfo` of a message, if it is an `initialize`. */
export const clientInfoIn = (message: JsonRpc.Incoming): unknown => {
  if (message._tag !== "Request" || message.method !== "initialize") return undefined
  const { params } = message
  return typeof params === "object" && params !== null && "clientInfo" in params ? params.clientInfo : undefined
}

/** A name and a version on one line, of bounded length. Undefined: there is no name in it. */
export const clientName = (clientInfo: unknown): string | undefined => {
  if (typeof clientInfo !== "object" || clientInfo === null) return undefined
  const { name, version }: { readonly name?: unknown; readonly version?: unknown } = clientInfo
  const words = [name, version].filter((word) => typeof word === "string").map(onOneLine).filter((word) => word !== "")
  return typeof name === "string" && words.length > 0 ? words.join(" ") : undefined
}

const mostCharacters = 64

/** Control characters move the cursor of a terminal, and marks of direction turn the text around them. */
const onOneLine = (text: string): string =>
  text.slice(0, mostCharacters * 4).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, " ").trim().slice(0, mostCharacters)
    .replace(/[\ud800-\udbff]$/, "")
