/**
 * Reads what a peer says by a schema, so that one thing that cannot be read costs that thing and not all that came with it.
 *
 * - A value that fits comes back as itself, unknown members included: nothing is copied, nothing a server says is lost.
 * - `null` is absence wherever a member is optional; for a list it is the empty one, for an object the one without members, and
 *   so is `[]`, which is how some languages write an empty object.
 * - A boolean or number may be written as text, as the official client for Python reads it.
 * - What is optional and cannot be read is left out by itself; an item of a list that cannot be read is left out of the list.
 *   Either is told, with its place and the reason.
 * - What is required and cannot be read fails the whole, with a sentence that names the member.
 *
 * **Gotchas**: only for schemas that transform nothing.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** Told, in a clause, what has been left out or read otherwise than it was said. */
export type Tell = (oddity: string) => void

/** For callers without an interest in what was left out. */
export const ignore: Tell = () => {}

/** A reader for a schema. `prepare` is applied to an object that does not fit as it is, before anything is left out of it. */
export const tolerant = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  prepare: (value: object, tell: Tell) => object = (value) => value
): (input: unknown, tell?: Tell) => Result.Result<S["Type"], string> => {
  const decode = Schema.decodeUnknownResult(schema)
  return (input, tell = ignore) => {
    // The schemas here transform nothing, so what decodes to a `Type` is one already.
    if (Result.isSuccess(decode(input))) return Result.succeed(input as S["Type"])
    const mended = mend(schema.ast, isObject(input) ? prepare(input, tell) : input, "", tell)
    const decoded = decode(mended)
    // As above.
    return Result.isSuccess(decoded)
      ? Result.succeed(mended as S["Type"])
      : Result.fail(oneLine(decoded.failure.message))
  }
}

/** A text of the peer's, quoted and of bounded length; of anything else its type, since it may be nested without end. */
export const quoted = (said: unknown): string =>
  typeof said !== "string"
    ? said === null ? "null" : Array.isArray(said) ? "a list" : `a ${typeof said}`
    : JSON.stringify(said.length > 100 ? `${said.slice(0, 100)}…` : said)

/** True for an object that is no list. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A flag as servers write it; undefined when it is none. */
export const readBoolean = (value: unknown): boolean | undefined => {
  if (typeof value === "boolean") return value
  if (typeof value !== "string" && typeof value !== "number") return undefined
  const text = String(value).toLowerCase()
  if (["true", "t", "yes", "y", "on", "1"].includes(text)) return true
  return ["false", "f", "no", "n", "off", "0"].includes(text) ? false : undefined
}

const mend = (ast: SchemaAST.AST, value: unknown, place: string, tell: Tell): unknown => {
  switch (ast._tag) {
    case "Boolean":
      return readBoolean(value) ?? value
    case "Number":
      return typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value
    case "Objects":
      // `true` is how some say that a capability is there.
      if (value === null || value === true || (Array.isArray(value) && value.length === 0)) return {}
      return isObject(value) ? mendMembers(ast, value, place, tell) : value
    case "Arrays":
      return value === null ? [] : value
    case "Union": {
      const member = meant(ast, value)
      return member === ast ? value : mend(member, value, place, tell)
    }
    default:
      return value
  }
}

const mendMembers = (
  { propertySignatures }: SchemaAST.Objects,
  value: Readonly<Record<string, unknown>>,
  place: string,
  tell: Tell
): object => {
  const types = new Map(propertySignatures.map(({ name, type }) => [name, type]))
  // Entries, because an assignment to a member of a foreign name is none.
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, said]): ReadonlyArray<[string, unknown]> => {
      const type = types.get(name)
      if (type === undefined || SchemaAST.isUnknown(type)) return [[name, said]]
      const isOptional = SchemaAST.isOptional(type)
      if (isOptional && (said === null || (said === false && SchemaAST.isObjects(type)))) return []
      const member = within(place, name)
      const read = SchemaAST.isArrays(type) && Array.isArray(said)
        ? mendItems(type, said, name, place, tell)
        : mend(type, said, member, tell)
      if (!isOptional) return [[name, read]]
      const problem = problemOf(type, read)
      if (problem === undefined) return [[name, read]]
      tell(`${member} is left out: ${problem}`)
      return []
    })
  )
}

const mendItems = (
  { rest: [type] }: SchemaAST.Arrays,
  items: ReadonlyArray<unknown>,
  list: string,
  place: string,
  tell: Tell
): ReadonlyArray<unknown> => {
  if (type === undefined) return items
  let lost = 0
  let untried = 0
  const read = items.flatMap((item, index) => {
    if (fits(type, item)) return [item]
    if (lost >= mostTried) {
      untried++
      return []
    }
    const name = within(place, nameOf(list, item, index))
    const oddities: Array<string> = []
    const read = mend(type, item, name, (oddity) => oddities.push(oddity))
    const problem = problemOf(meant(type, read), read)
    if (problem !== undefined) {
      lost++
      // Of what is left out nothing else matters.
      oddities.splice(0, oddities.length, `${name} is left out: ${problem}`)
    }
    for (const oddity of oddities) tell(oddity)
    return problem === undefined ? [read] : []
  })
  if (untried > 0) tell(`${untried} more of ${within(place, list)} are left out`)
  return read
}

/**
 * Items of one list that are tried in vain. To mend one and to say why it cannot be read takes twenty times as long as to see that it does not fit: a
 * list of nothing else, which is written in a few bytes each, must not hold the program up.
 */
const mostTried = 10_000

/** The alternative that a value's constants tell it to be; the whole union when they do not. */
const meant = (ast: SchemaAST.AST, value: unknown): SchemaAST.AST =>
  SchemaAST.isUnion(ast) && isObject(value)
    ? ast.types.find((type) =>
      SchemaAST.isObjects(type) &&
      type.propertySignatures.every(({ name, type }) =>
        !SchemaAST.isLiteral(type) || (typeof name === "string" && value[name] === type.literal)
      )
    ) ?? ast
    : ast

/** Of a schema: whether a value fits, which takes a fraction of the time of saying why not, and why not. */
interface Judge {
  readonly fits: (value: unknown) => boolean
  readonly problemOf: (value: unknown) => string | undefined
}

const judges = new WeakMap<SchemaAST.AST, Judge>()

const judgeOf = (ast: SchemaAST.AST): Judge => {
  const known = judges.get(ast)
  if (known !== undefined) return known
  // An AST does not say what its services are; the schemas here need none.
  const schema = Schema.make<Schema.ConstraintDecoder<unknown>>(ast)
  const decode = Schema.decodeUnknownResult(schema)
  const judge: Judge = {
    fits: Schema.is(schema),
    problemOf: (value) => {
      const decoded = decode(value)
      return Result.isSuccess(decoded) ? undefined : oneLine(decoded.failure.message)
    }
  }
  judges.set(ast, judge)
  return judge
}

const fits = (ast: SchemaAST.AST, value: unknown): boolean => judgeOf(ast).fits(value)

const problemOf = (ast: SchemaAST.AST, value: unknown): string | undefined => judgeOf(ast).problemOf(value)

/** A schema's complaint has a line per fault; a message is one line. */
const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s*\n\s*/g, " ")
  return line.length > 300 ? `${line.slice(0, 300)}…` : line
}

const within = (place: string, name: string): string => place === "" ? name : `${name} of ${place}`

const nouns: ReadonlyMap<string, string> = new Map([
  ["content", "content block"],
  ["contents", "content"],
  ["resourceTemplates", "resource template"]
])

/** An item by what it is called, or by where it stands in its list. */
export const nameOf = (list: string, item: unknown, index: number): string => {
  const noun = nouns.get(list) ?? list.replace(/s$/, "")
  const { name, uri, uriTemplate } = isObject(item) ? item : {}
  const called = [name, uri, uriTemplate].find((word) => typeof word === "string")
  return `${noun} ${called === undefined ? index + 1 : quoted(called)}`
}
