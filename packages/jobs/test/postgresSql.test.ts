import { assert, describe, it } from "@effect/vitest"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import * as fs from "node:fs"

describe("the SQL that makes the tables in Postgres", () => {
  it("is in the document for those who run it by hand", () => {
    const document = fs.readFileSync(new URL("../../../docs/postgres.md", import.meta.url), "utf8")
    assert.include(document, `\`\`\`sql\n${PostgresStore.sql()}\`\`\`\n`)
  })

  it("puts everything into the schema that it is asked for", () => {
    for (const statement of PostgresStore.sql("mine").split(";\n\n")) assert.include(statement, `"mine"`)
  })
})
