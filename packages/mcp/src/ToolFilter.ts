/**
 * Which tools of a server are offered and may be called: what `enabledTools`, `disabledTools` and their like say in a config.
 *
 * A tool passes if every list of allowed tools names it and no list of forbidden ones does. `*` in a name stands for any text.
 *
 * @example
 * ```ts
 * import * as ToolFilter from "@holdfast/mcp/ToolFilter"
 *
 * const filter = { only: [], without: [{ names: ["delete_*"], said: "my rule" }] }
 * export const offered = ToolFilter.offered(filter, [{ name: "read" }, { name: "delete_file" }]) // [{ name: "read" }]
 * ```
 */

/** One list, and where it is said, for messages. */
export interface ToolRule {
  readonly names: ReadonlyArray<string>
  /** Such as `mcpServers.fs.disabledTools (.mcp.json:4:7)`. */
  readonly said: string
}

/** A tool passes if every list of `only` names it and no list of `without` does. */
export interface ToolFilter {
  readonly only: ReadonlyArray<ToolRule>
  readonly without: ReadonlyArray<ToolRule>
}

/** The list that keeps a tool from being offered; `undefined` when none does. */
export const hiding = (filter: ToolFilter | undefined, tool: string): ToolRule | undefined =>
  filter === undefined
    ? undefined
    : filter.without.find((rule) => names(rule, tool)) ?? filter.only.find((rule) => !names(rule, tool))

/** The tools that are offered. */
export const offered = <Tool extends { readonly name: string }>(
  filter: ToolFilter | undefined,
  tools: ReadonlyArray<Tool>
): ReadonlyArray<Tool> => filter === undefined ? tools : tools.filter(({ name }) => hiding(filter, name) === undefined)

/** The same for an answer to `tools/list` as it came, whatever it is. */
export const offeredIn = (filter: ToolFilter | undefined, answer: unknown): unknown =>
  typeof answer === "object" && answer !== null && "tools" in answer && Array.isArray(answer.tools)
    ? {
      ...answer,
      tools: answer.tools.filter((tool: unknown) =>
        typeof tool !== "object" || tool === null || !("name" in tool) ||
        hiding(filter, String(tool.name)) === undefined
      )
    }
    : answer

/** Names in the lists that no tool of the server bears: a slip there leaves a tool on that was meant to be off. */
export const missing = (
  filter: ToolFilter | undefined,
  tools: ReadonlyArray<{ readonly name: string }>
): ReadonlyArray<{ readonly name: string; readonly said: string }> =>
  filter === undefined ? [] : [...filter.only, ...filter.without].flatMap((rule) =>
    rule.names
      .filter((name) => !tools.some((tool) => matches(name, tool.name)))
      .map((name) => ({ name, said: rule.said }))
  )

const names = (rule: ToolRule, tool: string): boolean => rule.names.some((name) => matches(name, tool))

const matches = (pattern: string, tool: string): boolean => {
  if (!pattern.includes("*")) return pattern === tool
  const [first = "", ...rest] = pattern.split("*")
  const last = rest.pop() ?? ""
  if (!tool.startsWith(first) || !tool.endsWith(last) || tool.length < first.length + last.length) return false
  let at = first.length
  for (const part of rest) {
    const found = tool.indexOf(part, at)
    if (found < 0 || found + part.length > tool.length - last.length) return false
    at = found + part.length
  }
  return true
}
