/**
 * What a tool is called where the tools of all servers are one list: `server__tool`.
 *
 * The interfaces of language models take letters, digits, `_` and `-`, 64 of them, some with no digit or `-` in front. A name that is not
 * legal, or that could also be another server's, is made legal and ends with a digest of what it stands for. So a name depends on
 * nothing but the server and the tool: not on other servers, nor on the order in which they came.
 */
import { createHash } from "node:crypto"

export const separator = "__"

const maxLength = 64
const digestLength = 8

export const make = (server: string, tool: string): string => {
  const plain = `${server}${separator}${tool}`
  // `a__b` and `c`, or `a` and `b__c`? Nor may an underscore be half of the separator.
  const isAmbiguous = server.includes(separator) || tool.includes(separator) || server.endsWith("_") ||
    tool.startsWith("_")
  if (!isAmbiguous && plain.length <= maxLength && legal(plain) === plain) return plain
  const digest = createHash("sha256").update(JSON.stringify([server, tool])).digest("hex").slice(0, digestLength)
  return `${legal(plain).slice(0, maxLength - digestLength - 1)}_${digest}`
}

/** Whether a tool of this server could be called so. */
export const mayBeOf = (server: string, name: string): boolean =>
  name.startsWith(legal(`${server}${separator}`).slice(0, maxLength - digestLength - 1))

const legal = (name: string): string =>
  `${/^[A-Za-z_]/.test(name) ? "" : "_"}${name.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`
