/**
 * Bytes that a process with the engine has besides what its model and its work take: the program, the runtime, and memory that was given back to
 * the allocator and not to the system. Chosen so that the estimates meet what was measured; test/engine/memory says how near they come.
 */
export const processBytes = 180e6;

export const floatBytes = 4;
