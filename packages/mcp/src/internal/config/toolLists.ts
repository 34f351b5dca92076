/**
 * The lists of an entry that switch tools on and off, in all their forms: `enabledTools`, `disabledTools`, and `tools` as a list or an object.
 */
import * as Effect from "effect/Effect"
import { placeInWords } from "../../ConfigWarning.ts"
import type { ConfigInvalid } from "../../McpRuntimeError.ts"
import type { ToolFilter, ToolRule } from "../../ToolFilter.ts"
import { isObject, nameOfKind } from "./configDialects.ts"
import { formatPath, type Path } from "./ConfigDocument.ts"
import type { EntryReader, Said } from "./EntryReader.ts"

/** What the entry says of tools; `undefined` when that is nothing. */
export const toolFilterOf = Effect.fnUntraced(function*(
  reader: EntryReader
): Effect.fn.Return<ToolFilter | undefined, ConfigInvalid> {
  const only = yield* Effect.forEach(reader.findAll("only"), (said) => listOf(reader, said))
  const without = yield* Effect.forEach(reader.findAll("without"), (said) => listOf(reader, said))
  const said = reader.find("tools")
  if (said !== undefined && isObject(said.value)) without.push(switchedOffIn(reader, said))
  else if (said !== undefined && typeof said.value === "boolean") {
    if (!said.value) only.push(ruleOf(reader, said.path, []))
  } else if (said !== undefined) {
    only.push(yield* listOf(reader, said.value === "*" || said.value === "all" ? { ...said, value: ["*"] } : said))
  }
  for (const { names, said } of only) {
    if (names.length === 0) reader.warn(reader.path, `offers no tool: ${said} names none`, "name")
  }
  const filter = {
    only: only.filter(({ names }) => !names.includes("*")),
    without: without.filter(({ names }) => names.length > 0)
  }
  return filter.only.length + filter.without.length === 0 ? undefined : filter
})

const listOf = (reader: EntryReader, { path, value }: Said): Effect.Effect<ToolRule, ConfigInvalid> =>
  Array.isArray(value)
    ? Effect.map(
      // Gemini CLI lets a name be followed by what it is called with.
      Effect.forEach(
        value,
        (each, index) => Effect.map(reader.scalar([...path, index], each), (name) => name.replace(/\(.*\)$/s, ""))
      ),
      (names) => ruleOf(reader, path, names)
    )
    : reader.fault(path, "a list of tool names", nameOfKind(value))

/** `"tools": { "drop_all": false, "read": { "enabled": true } }`. */
const switchedOffIn = (reader: EntryReader, { path, value }: Said): ToolRule => {
  const off: Array<string> = []
  for (const [name, said] of Object.entries(isObject(value) ? value : {})) {
    const rest = isObject(said) ? Object.keys(said).filter((key) => key !== "enabled" && key !== "disabled") : []
    if (said === false || isObject(said) && (said["enabled"] === false || said["disabled"] === true)) off.push(name)
    else if (said !== true && !isObject(said)) {
      reader.warn([...path, name], "has no effect: it is neither true nor false")
    }
    if (rest.length > 0) reader.warn([...path, name], `${rest.join(", ")} of a tool is not read here and has no effect`)
  }
  return ruleOf(reader, path, off)
}

const ruleOf = (reader: EntryReader, path: Path, names: ReadonlyArray<string>): ToolRule => {
  const { document, file } = reader.context
  return { names, said: placeInWords({ file, path: formatPath(path), ...document.placeOf(path, "name") }) }
}
