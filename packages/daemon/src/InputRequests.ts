/** What a server may ask its client in the course of a call, in either era. */

/** Requests that may be answered with questions, or in whose course a server may ask. */
export const mayAsk: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read", "tasks/result"])

/** What a client must be able to do, to be asked. Undefined: it is never asked this. */
export const capabilityFor = (method: unknown): string | undefined => needed.get(method)

const needed: ReadonlyMap<unknown, string> = new Map([
  ["elicitation/create", "elicitation"],
  ["sampling/createMessage", "sampling"],
  ["roots/list", "roots"]
])
