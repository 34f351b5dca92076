/** `JobStore` as the package's index gives it: the service, and a layer for each store. */
export * from "../JobStore.ts"
export { layer as layerMemory } from "../MemoryStore.ts"
export { layer as layerPostgres } from "../PostgresStore.ts"
export { layer as layerSqlite } from "../SqliteStore.ts"
