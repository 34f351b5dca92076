/** Wraps secretlint: one rule of its recommended preset, over one text. Its patterns run on V8's engine. */
import { lintSource } from "@secretlint/core"
import { rules } from "@secretlint/secretlint-rule-preset-recommend"

const byName = new Map(rules.map((rule) => [rule.meta.id.replace(/^.*secretlint-rule-/, ""), rule]))

/** The names of its rules. */
export const names: ReadonlyArray<string> = [...byName.keys()]

/** Where it finds something: from, to. */
export const find = async (
  name: string,
  text: string,
  path: string
): Promise<ReadonlyArray<readonly [number, number]>> => {
  const rule = byName.get(name)
  if (rule === undefined) throw new Error(`the preset of secretlint has no rule "${name}"`)
  const { messages } = await lintSource({
    source: { content: text, filePath: path, ext: /\.[^./]*$/.exec(path)?.[0] ?? "", contentType: "text" },
    options: { config: { rules: [{ id: rule.meta.id, rule, options: {} }] }, noPhysicFilePath: true }
  })
  return messages.map(({ range: [start, end] }) => [start, end] as const)
}
