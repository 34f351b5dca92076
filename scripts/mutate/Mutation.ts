/**
 * The mutants of a source file: small changes of its code, each of which a good test notices. They are found in the syntax tree, so the
 * same source always has the same mutants in the same order.
 *
 * Left out is what no test should insist on: sentences for people, names of spans and services, types. A comparison that is a condition is
 * forced to both of its outcomes and not negated besides, which would be the easier change to notice.
 */
import * as Oxc from "oxc-parser"

export interface Mutation {
  readonly operator: string
  readonly line: number
  /** What takes the place of what, as one reads it. */
  readonly from: string
  readonly to: string
  readonly start: number
  readonly end: number
  readonly as: "expression" | "statement" | "return"
  /** Code that takes the place of the range; unused for the other two. */
  readonly code: string
}

export interface FileMutations {
  readonly mutations: ReadonlyArray<Mutation>
  /** Statements that are an expression: they must stay statements when they begin with a bracket. */
  readonly statements: ReadonlyArray<readonly [start: number, end: number]>
}

const negated: Readonly<Record<string, string>> = {
  "===": "!==",
  "!==": "===",
  "==": "!=",
  "!=": "==",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">"
}
const boundary: Readonly<Record<string, string>> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" }
const arithmetic: Readonly<Record<string, string>> = {
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "**": "*",
  "<<": ">>",
  ">>": "<<",
  ">>>": "<<",
  "&": "|",
  "|": "&",
  "^": "&"
}
const assignments: Readonly<Record<string, string>> = {
  "+=": "-=",
  "-=": "+=",
  "*=": "/=",
  "/=": "*=",
  "||=": "&&=",
  "&&=": "||="
}
/** Methods that are easily taken for each other. */
const swapped: Readonly<Record<string, string>> = {
  some: "every",
  every: "some",
  push: "unshift",
  unshift: "push",
  shift: "pop",
  pop: "shift",
  find: "findLast",
  findLast: "find",
  indexOf: "lastIndexOf",
  lastIndexOf: "indexOf",
  startsWith: "endsWith",
  endsWith: "startsWith",
  min: "max",
  max: "min",
  ceil: "floor",
  floor: "ceil",
  trimStart: "trimEnd",
  trimEnd: "trimStart"
}
/** Methods whose result is of the kind of what they are called on. */
const dropped: ReadonlyArray<string> = [
  "filter",
  "slice",
  "sort",
  "toSorted",
  "reverse",
  "toReversed",
  "trim",
  "toLowerCase",
  "toUpperCase",
  "replace",
  "replaceAll",
  "concat"
]
/** What takes names for people: a span, a service, a symbol. */
const naming = /^(?:Effect\.(?:fn|withSpan|annotate\w+)|Context\.(?:Service|Reference)|Symbol(?:\.for)?)\b/
/** A word that a machine reads: a tag, a header, a method. Sentences are for people. */
const word = /^\S*$/

/** Fails with the parser's message when the text is not TypeScript. */
export const mutationsOf = (path: string, text: string): FileMutations => {
  const { errors, program } = Oxc.parseSync(path, text, { sourceType: "module", preserveParens: false })
  if (errors.length > 0) throw new Error(`${path}: ${errors.map((error) => error.message).join("; ")}`)
  const found: Array<Mutation> = []
  const statements: Array<readonly [number, number]> = []
  /** Conditions, which are forced instead of negated. */
  const conditions = new Set<Oxc.Node>()
  /** Inner links of optional chains: in brackets of their own they would not end the chain any more. */
  const links = new Set<Oxc.Node>()
  const constructors = new Set<Oxc.Node>()
  const untouched: Array<readonly [number, number]> = []
  const leave = ({ end, start }: Oxc.Span) => void untouched.push([start, end])
  const code = ({ end, start }: Oxc.Span) => text.slice(start, end)

  const add = (
    operator: string,
    span: Oxc.Span,
    replacement: string,
    as: Mutation["as"] = "expression",
    read: { readonly from: string; readonly to: string } = { from: code(span), to: replacement }
  ) =>
    found.push({
      operator,
      line: lineOf(text, span.start),
      from: onOneLine(read.from),
      to: onOneLine(read.to),
      start: span.start,
      end: span.end,
      as,
      code: replacement
    })

  const condition = (test: Oxc.Expression | null, outcomes: ReadonlyArray<"true" | "false">) => {
    if (test === null || (test.type === "Literal" && typeof test.value === "boolean")) return
    conditions.add(test)
    for (const outcome of outcomes) {
      add(`condition ${outcome}`, test, outcome, "expression", { from: code(test), to: outcome })
    }
  }

  const body = (node: Oxc.Node, block: Oxc.BlockStatement | Oxc.FunctionBody | null) => {
    if (block === null || block.body.length === 0) return
    add("early return", { start: block.start + 1, end: block.start + 1 }, "", "return", {
      from: `${code({ start: node.start, end: block.start + 1 })} …`,
      to: "an empty body"
    })
  }

  /** The text with one operator between two operands changed. */
  const between = (left: Oxc.Span, right: Oxc.Span, whole: Oxc.Span, from: string, to: string): string => {
    const gap = text.slice(left.end, right.start)
    return text.slice(whole.start, left.end) + gap.replace(from, () => to) + text.slice(right.start, whole.end)
  }

  new Oxc.Visitor({
    ImportDeclaration: leave,
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) leave(node)
    },
    ExportAllDeclaration: leave,
    TSTypeAnnotation: leave,
    TSTypeParameterInstantiation: leave,
    TSTypeParameterDeclaration: leave,
    TSTypeAliasDeclaration: leave,
    TSInterfaceDeclaration: leave,
    TSClassImplements: leave,
    TSAsExpression: (node) => leave(node.typeAnnotation),
    TSSatisfiesExpression: (node) => leave(node.typeAnnotation),
    ImportExpression: (node) => leave(node.source),
    ChainExpression: (node) => {
      const whole = node.expression
      for (let link: Oxc.Node = whole;;) {
        const inner: Oxc.Node | undefined = link.type === "CallExpression"
          ? link.callee
          : link.type === "MemberExpression"
          ? link.object
          : link.type === "TSNonNullExpression"
          ? link.expression
          : undefined
        if (inner === undefined) break
        if ("optional" in link && link.optional) {
          const at = text.indexOf("?.", inner.end)
          const plain = link.type === "MemberExpression" && !link.computed ? "." : ""
          add("guard removed", whole, text.slice(whole.start, at) + plain + text.slice(at + 2, whole.end))
        }
        links.add(inner)
        link = inner
      }
    },
    IfStatement: (node) => condition(node.test, ["true", "false"]),
    ConditionalExpression: (node) => condition(node.test, ["true", "false"]),
    WhileStatement: (node) => condition(node.test, ["false"]),
    DoWhileStatement: (node) => condition(node.test, ["false"]),
    ForStatement: (node) => condition(node.test, ["false"]),
    BinaryExpression: (node) => {
      const { left, operator, right } = node
      const isText = [left, right].some((side) =>
        side.type === "TemplateLiteral" || (side.type === "Literal" && typeof side.value === "string")
      )
      const change = (name: string, to: string | undefined) => {
        if (to === undefined) return
        add(name, node, between(left, right, node, operator, to), "expression", { from: code(node), to: `… ${to} …` })
      }
      change("boundary", boundary[operator])
      if (!conditions.has(node)) change("negation", negated[operator])
      if (!isText) change("arithmetic", arithmetic[operator])
    },
    LogicalExpression: (node) => {
      const { left, operator, right } = node
      if (operator === "??") return void add("no default", node, code(left))
      const to = operator === "&&" ? "||" : "&&"
      // Of `a || b && c` only the inner pair can be exchanged without brackets; the code of both sides gets its own.
      add("logical", node, `(${code(left)}) ${to} (${code(right)})`, "expression", {
        from: code(node),
        to: `… ${to} …`
      })
    },
    UnaryExpression: (node) => {
      if (node.operator === "!" && !conditions.has(node)) add("negation", node, code(node.argument))
      if (node.operator === "-" && node.argument.type !== "Literal") add("arithmetic", node, code(node.argument))
    },
    UpdateExpression: (node) => {
      const to = node.operator === "++" ? "--" : "++"
      add("arithmetic", node, node.prefix ? `${to}${code(node.argument)}` : `${code(node.argument)}${to}`)
    },
    AssignmentExpression: (node) => {
      const to = assignments[node.operator]
      if (to !== undefined) add("arithmetic", node, between(node.left, node.right, node, node.operator, to))
    },
    Literal: (node) => {
      const { value } = node
      if (typeof value === "boolean") add("boolean", node, String(!value))
      else if (typeof value === "number") add("number", node, value === 0 ? "1" : value === 1 ? "0" : `${value + 1}`)
      else if (typeof value === "bigint") add("number", node, `${value + 1n}n`)
      else if (typeof value === "string" && word.test(value)) add("string", node, JSON.stringify(`${value}~`))
    },
    Property: (node) => {
      if (!node.computed) leave(node.key)
    },
    PropertyDefinition: (node) => {
      if (!node.computed) leave(node.key)
    },
    MethodDefinition: (node) => {
      if (!node.computed) leave(node.key)
      if (node.kind === "constructor") constructors.add(node.value)
    },
    FunctionDeclaration: (node) => body(node, node.body),
    FunctionExpression: (node) => {
      if (!constructors.has(node)) body(node, node.body)
    },
    ArrowFunctionExpression: (node) => {
      const { body: inner } = node
      if (inner.type === "BlockStatement") return body(node, inner)
      if (inner.type === "CallExpression" || inner.type === "AssignmentExpression") {
        add("early return", inner, "undefined")
      }
    },
    ExpressionStatement: (node) => {
      statements.push([node.start, node.end])
      const { expression } = node
      if (expression.type === "Literal") return
      add("statement removed", node, "", "statement", { from: code(node), to: "nothing" })
    },
    CallExpression: (node) => {
      const { arguments: args, callee } = node
      if (naming.test(code(callee))) { for (const arg of args) if (arg.type === "Literal") leave(arg) }
      if (callee.type !== "MemberExpression" || callee.computed || links.has(node)) return
      const { name } = callee.property
      const to = swapped[name]
      const called = (other: string) =>
        text.slice(node.start, callee.property.start) + other + text.slice(callee.property.end, node.end)
      if (to !== undefined && Object.hasOwn(swapped, name)) {
        add("method", node, called(to), "expression", { from: code(node), to: `… .${to}(…)` })
      }
      if (dropped.includes(name)) {
        add("method", node, code(callee.object), "expression", { from: code(node), to: `without .${name}(…)` })
      }
      if (name !== "pipe") return
      for (const [index, stage] of args.entries()) {
        const others = args.filter((other) => other !== stage).map(code).join(", ")
        const without = others === "" ? code(callee.object) : `${code(callee)}(${others})`
        add("stage removed", node, without, "expression", {
          from: `stage ${index + 1}: ${code(stage)}`,
          to: "without it"
        })
      }
    }
  }).visit(program)

  return {
    mutations: found.filter(({ end, start }) => !untouched.some(([from, to]) => from <= start && end <= to)),
    statements
  }
}

const onOneLine = (code: string): string => {
  const flat = code.replaceAll(/\s+/g, " ")
  return flat.length > 90 ? `${flat.slice(0, 87)}...` : flat
}

const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length
