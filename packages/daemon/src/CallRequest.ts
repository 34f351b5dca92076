/**
 * A tool call in the words of a command line: a request that the daemon knows besides MCP (`ToolsRequest` is the other), on a session with a server. Pure, and
 * loads nothing: programs that say it are to be as fast as a bare client of a socket.
 *
 * The daemon reads the words by the tool's schema, calls the tool and answers with the server's own answer. So a call is one line there
 * and one line back, and its client needs no schema.
 *
 * Promises
 * - What is not of the usual kind (arguments that do not certainly fit, a server behind a url or a host's alone, a client that is newer
 *   than the daemon) is not called: it is `NotTaken`, and nothing has happened. MCP on the same session does it then.
 * - A daemon that does not know this says so by what is missing from its greeting (`calls`), and passes it to the server, which knows no
 *   such method.
 * - `notifications/cancelled` and `notifications/progress` are for it as for any other request.
 *
 * @example
 * ```ts
 * import * as CallRequest from "@holdfast/daemon/CallRequest"
 *
 * const client = { name: "report", version: "1.0.0" }
 * console.log(CallRequest.encode("1", { tool: "read_text_file", objects: [], words: [["text", "path", "README.md"]], client }))
 * ```
 */

/** Its method. */
export const method = "holdfast/call"

/** One argument: its name, and a text for the schema to read (`text`), or JSON. */
export type WrittenWord = readonly [kind: "text" | "json", name: string, text: string]

/** A call of a tool, as a command line has it: nothing in it has been read by a schema yet. */
export interface CallRequest {
  readonly tool: string
  /** Objects of arguments as JSON, which the words win over. */
  readonly objects: ReadonlyArray<string>
  readonly words: ReadonlyArray<WrittenWord>
  /** For the server, and for a daemon that may be older. */
  readonly client: { readonly name: string; readonly version: string }
}

/** As a line. The id is its progress token, too. */
export const encode = (id: string, { client, objects, tool, words }: CallRequest): string =>
  `${
    JSON.stringify({
      jsonrpc: "2.0",
      id,
      method,
      params: { tool, objects, words, client, _meta: { progressToken: id } }
    })
  }\n`

/** Reads the parameters. Undefined: they are none. */
export const decode = (params: Readonly<Record<string, unknown>>): CallRequest | undefined => {
  const { objects, tool, words } = params
  if (typeof tool !== "string" || !isTexts(objects) || !Array.isArray(words)) return undefined
  const read: Array<WrittenWord> = []
  for (const word of words) {
    if (!isTexts(word)) return undefined
    const [kind, name, text] = word
    if ((kind !== "text" && kind !== "json") || name === undefined || text === undefined) return undefined
    read.push([kind, name, text])
  }
  const by = clientIn(params)
  return by && { tool, objects, words: read, client: by }
}

/** What the parameters say of the client. Undefined: nothing. */
export const clientIn = ({ client }: Readonly<Record<string, unknown>>): CallRequest["client"] | undefined => {
  if (typeof client !== "object" || client === null || !("name" in client) || !("version" in client)) return undefined
  const { name, version } = client
  return typeof name === "string" && typeof version === "string" ? { name, version } : undefined
}

/** Why a call was not carried out, in the `data` of its error: MCP is to do it. */
export const notTaken = "NotTaken"

/** Of what an error is the answer, in its `data`: there was no server for the first question. */
export const ofOpening = "server/discover"

const isTexts = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((each) => typeof each === "string")
