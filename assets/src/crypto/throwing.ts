import type { Core, CoreError, CoreModule } from './core.d.ts';

type Failure = Pick<CoreError, 'code' | 'message' | 'user' | 'device'>;
type Answer = { value: unknown } | { failure: Failure };
type Methods = Record<string, (...args: unknown[]) => Answer>;

/**
 * The module as core.d.ts declares it, made of what core.wasm hands over: Go called from JavaScript cannot throw, so each of its methods answers with a
 * value or a failure.
 */
export function throwing(module: object): CoreModule {
  const { open } = module as Methods;
  if (open === undefined) throw new TypeError('this is not the cryptographic core');
  return { open: (state) => bind(settle(open(state)) as Methods) };
}

function bind(methods: Methods): Core {
  const bound = Object.entries(methods).map(([name, call]) => [name, (...args: unknown[]) => settle(call(...args))]);
  return Object.freeze(Object.fromEntries(bound)) as Core;
}

function settle(answer: Answer): unknown {
  if ('value' in answer) return answer.value;
  const { message, ...rest } = answer.failure;
  throw Object.assign(new Error(message), rest);
}
