/**
 * What a client reads of a server's resources: lists, templates, contents.
 *
 * As in `Messages`, schemas name what is relied on, tolerate everything else, and `decode…` returns the value itself; what cannot be
 * read is left out and told.
 *
 * @example
 * ```ts
 * import * as Resources from "@holdfast/protocol/Resources"
 * import * as Result from "effect/Result"
 *
 * const page = Resources.decodeListResourcesResult({ resources: [{ uri: "file:///a.txt", name: "a" }] })
 * export const uris = Result.isSuccess(page) ? page.success.resources.map(({ uri }) => uri) : []
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/resources
 */
import * as Schema from "effect/Schema"
import { tolerant } from "./internal/tolerant.ts"

/** A resource that can be read by its `uri`. `size` is in bytes. */
export const Resource = Schema.Struct({
  uri: Schema.String,
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  mimeType: Schema.optionalKey(Schema.String),
  size: Schema.optionalKey(Schema.Finite)
})
/** What the schema `Resource` reads. */
export interface Resource extends Schema.Schema.Type<typeof Resource> {}

/** One page of the answer to `resources/list`. */
export const ListResourcesResult = Schema.Struct({
  resources: Schema.Array(Resource),
  nextCursor: Schema.optionalKey(Schema.String)
})
/** What the schema `ListResourcesResult` reads. */
export interface ListResourcesResult extends Schema.Schema.Type<typeof ListResourcesResult> {}

/** Resources whose URIs follow a template (RFC 6570). */
export const ResourceTemplate = Schema.Struct({
  uriTemplate: Schema.String,
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  mimeType: Schema.optionalKey(Schema.String)
})
/** What the schema `ResourceTemplate` reads. */
export interface ResourceTemplate extends Schema.Schema.Type<typeof ResourceTemplate> {}

/** One page of the answer to `resources/templates/list`. */
export const ListResourceTemplatesResult = Schema.Struct({
  resourceTemplates: Schema.Array(ResourceTemplate),
  nextCursor: Schema.optionalKey(Schema.String)
})
/** What the schema `ListResourceTemplatesResult` reads. */
export interface ListResourceTemplatesResult extends Schema.Schema.Type<typeof ListResourceTemplatesResult> {}

/** Content as `text` or, base64, as `blob`. */
export const ResourceContents = Schema.Struct({
  uri: Schema.String,
  mimeType: Schema.optionalKey(Schema.String),
  text: Schema.optionalKey(Schema.String),
  blob: Schema.optionalKey(Schema.String)
})
/** What the schema `ResourceContents` reads. */
export interface ResourceContents extends Schema.Schema.Type<typeof ResourceContents> {}

/** The answer to `resources/read`. */
export const ReadResourceResult = Schema.Struct({ contents: Schema.Array(ResourceContents) })
/** What the schema `ReadResourceResult` reads. */
export interface ReadResourceResult extends Schema.Schema.Type<typeof ReadResourceResult> {}

/** Reads one page of `resources/list`. Fails with a sentence that names the member that is wrong. */
export const decodeListResourcesResult = tolerant(ListResourcesResult)

/** Reads one page of `resources/templates/list`. Fails with a sentence that names the member that is wrong. */
export const decodeListResourceTemplatesResult = tolerant(ListResourceTemplatesResult)

/** Reads the answer to `resources/read`. Fails with a sentence that names the member that is wrong. */
export const decodeReadResourceResult = tolerant(ReadResourceResult)
