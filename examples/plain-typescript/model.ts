/** Stands in for a language model, so that the loop runs without an account. Yours is asked with the same two things. */
import type { Tool } from "@holdfast/mcp/promise"

export type Message =
  | { readonly role: "user"; readonly text: string }
  | { readonly role: "tool"; readonly text: string; readonly isError: boolean }

export type Turn =
  | { readonly say: string }
  | { readonly call: string; readonly input: Readonly<Record<string, unknown>> }

/** Reads the file that the user names, and says how many lines it has. */
export const model = async (messages: ReadonlyArray<Message>, tools: ReadonlyArray<Tool>): Promise<Turn> => {
  const last = messages.at(-1)
  if (last?.role === "tool") {
    return { say: last.isError ? `That failed: ${last.text}` : `${last.text.trimEnd().split("\n").length} lines` }
  }
  const path = last?.text.match(/\S+\.\w+/)?.[0]
  const reader = tools.find(({ name }) => name.endsWith("read_text_file"))
  if (path === undefined || reader === undefined) return { say: "Name a file, please." }
  return { call: reader.name, input: { path } }
}
