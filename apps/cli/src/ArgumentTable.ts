/**
 * The arguments of a tool as an aligned table; required ones are marked.
 */
import type { InputSchema } from "@holdfast/daemon/InputSchema"
import type { Layout } from "./Layout.ts"

/** `width`: of the terminal; undefined where there is none. */
export const argumentTable = ({ table }: Layout, schema: InputSchema, width?: number): string =>
  schema.arguments.length === 0
    ? schema.isOpen ? "  any" : "  none"
    : table(
      schema.arguments.map(({ description, isRequired, name, type }) => [
        name,
        type,
        isRequired ? "required" : "",
        description
      ]),
      { indent: "  ", overflow: "wrap", width }
    )
