/**
 * Turns the kernels (AssemblyScript) into C++, syntax for syntax: `transpile(files)` reads their texts with TypeScript's own
 * parser and writes one text of templates over the number type, to be compiled after `lanes.h`, which stands in for
 * `lanes.ts`. What it does not know it refuses, naming file and line.
 */
import ts from 'typescript';

const { SyntaxKind } = ts;

/** Number types, and the one vector type. */
const types = new Map([
  ['i32', 'i32'],
  ['i64', 'i64'],
  ['u32', 'u32'],
  ['usize', 'usize'],
  ['f64', 'f64'],
  ['f32', 'f32'],
  ['bool', 'bool'],
  ['void', 'void'],
  ['v128', 'v128'],
]);

/** Functions of AssemblyScript, of which `lanes.h` has one of the same name. */
const builtins = new Set([
  'load',
  'store',
  'abs',
  'min',
  'max',
  'floor',
  'isFinite',
  'clz',
  'unreachable',
]);
const namespaces = new Map([
  ['v128', 'v128_'],
  ['memory', 'memory_'],
  ['atomic', 'atomic_'],
  ['Math', 'math_'],
  ['NativeMath', 'math_'],
]);
/** `f64x2.add(a, b)` is `v128.add<f64>(a, b)`. */
const shapes = new Map([
  ['f64x2', 'f64'],
  ['f32x4', 'f32'],
  ['i64x2', 'i64'],
  ['i32x4', 'i32'],
]);
const constants = new Map([
  ['Infinity', 'infinity'],
  ['NaN', 'not_a_number'],
]);
/** Words of C++ that a kernel may use as names. */
const taken = new Set([
  'double',
  'float',
  'int',
  'long',
  'short',
  'char',
  'and',
  'or',
  'not',
  'xor',
  'register',
  'union',
  'operator',
  'template',
  'auto',
  'signed',
  'unsigned',
]);

/**
 * @param {ReadonlyMap<string, string>} files name (without ending) → text; imports are looked up by their last part
 * @param {ReadonlySet<string>} provided names of files that `lanes.h` stands for
 * @returns {string} C++
 */
export function transpile(files, provided) {
  const done = new Set(provided);
  const open = new Set();
  const parts = [];

  function visit(name, from) {
    if (done.has(name)) return;
    if (open.has(name)) throw new Error(`${from}: imports run in a circle through ${name}`);
    const text = files.get(name);
    if (text === undefined) throw new Error(`${from}: there is no ${name}`);
    open.add(name);
    const source = ts.createSourceFile(`${name}.ts`, text, ts.ScriptTarget.Latest, true);
    for (const statement of source.statements) {
      if (ts.isImportDeclaration(statement)) visit(moduleName(statement), name);
    }
    parts.push(moduleOf(source, name, provided));
    open.delete(name);
    done.add(name);
  }

  for (const name of files.keys()) visit(name, 'the list of files');
  return parts.join('\n');
}

function moduleName(statement) {
  return statement.moduleSpecifier.text.split('/').at(-1).replace(/\.ts$/, '');
}

function moduleOf(source, name, provided) {
  const space = `m_${name.replaceAll('-', '_')}`;
  const functions = source.statements.filter(ts.isFunctionDeclaration);
  const others = source.statements.filter((node) => !ts.isFunctionDeclaration(node));
  // C++ wants a name before its use: constants and variables first, then what functions there are.
  const body = [
    ...others.filter((node) => !ts.isForStatement(node)).map((node) => topLevel(node, provided)),
    ...functions.map((node) => `${headOf(node)};`),
    ...functions.map((node) => `${headOf(node)} ${statement(node.body)}`),
    ...others.filter(ts.isForStatement).map((node) => topLevel(node, provided)),
  ];
  return `namespace ${space} {\n${body.filter((line) => line !== '').join('\n')}\n}\n`;
}

function refuse(node, what = SyntaxKind[node.kind]) {
  const source = node.getSourceFile();
  const { line } = source.getLineAndCharacterOfPosition(node.getStart());
  throw new Error(
    `${source.fileName}:${line + 1}: ${what} is not known: ${node.getText().slice(0, 60)}`,
  );
}

function topLevel(node, provided) {
  if (ts.isImportDeclaration(node)) return importOf(node, provided);
  if (ts.isEnumDeclaration(node)) return enumOf(node);
  if (ts.isVariableStatement(node))
    return node.declarationList.declarations.map((d) => globalOf(d, node)).join('\n');
  if (ts.isForStatement(node))
    return `static const int initialised_${node.pos} = [] { ${statement(node)} return 0; }();`;
  return refuse(node);
}

function importOf(node, provided) {
  const module = moduleName(node);
  if (provided.has(module)) return '';
  const bindings = node.importClause.namedBindings;
  const space = `m_${module.replaceAll('-', '_')}`;
  if (ts.isNamespaceImport(bindings)) return `namespace ${bindings.name.text} = ${space};`;
  return bindings.elements
    .map(({ name }) =>
      // A list of names is a namespace, everything else a function or constant.
      /^[A-Z][a-z]/.test(name.text)
        ? `namespace ${name.text} = ${space}::${name.text};`
        : `using ${space}::${name.text};`,
    )
    .join('\n');
}

function headOf(node) {
  const generic = node.typeParameters !== undefined;
  const inlined = decoratorsOf(node).includes('inline');
  const parameters = node.parameters.map((p) => `${type(p.type)} ${identifier(p.name)}`).join(', ');
  return `${generic ? 'template <class T> ' : ''}static ${inlined ? 'ALWAYS_INLINE ' : ''}inline ${type(node.type)} ${identifier(node.name)}(${parameters})`;
}

function decoratorsOf(node) {
  return (node.modifiers ?? []).filter(ts.isDecorator).map((d) => d.expression.getText());
}

function enumOf(node) {
  const members = node.members.map((m) => `${identifier(m.name)} = ${expression(m.initializer)}`);
  return `namespace ${node.name.text} { enum : i32 { ${members.join(', ')} }; }`;
}

function globalOf(declaration, list) {
  const name = identifier(declaration.name);
  const value = declaration.initializer;
  const isConstant = (list.declarationList.flags & ts.NodeFlags.Const) !== 0;
  if (ts.isCallExpression(value) && value.expression.getText() === 'memory.data')
    return dataOf(name, value);
  const spelled =
    declaration.type === undefined
      ? isConstant
        ? 'auto'
        : refuse(declaration, 'a variable without a type')
      : type(declaration.type);
  return isConstant
    ? `static constexpr ${spelled} ${name} = ${expression(value)};`
    : `static thread_local ${spelled} ${name} = ${expression(value)};`;
}

/** Memory of a fixed size, zeroed or filled. */
function dataOf(name, call) {
  const [contents, alignment] = call.arguments;
  if (ts.isArrayLiteralExpression(contents)) {
    const [element] = call.typeArguments;
    return `alignas(${expression(alignment)}) static const ${type(element)} ${name}_data[] = { ${contents.elements.map(expression).join(', ')} };\nstatic const usize ${name} = (usize)${name}_data;`;
  }
  return `alignas(${expression(alignment)}) static unsigned char ${name}_data[${expression(contents)}];\nstatic const usize ${name} = (usize)${name}_data;`;
}

function type(node) {
  const name = node?.getText();
  if (name === 'T') return 'T';
  return types.get(name) ?? refuse(node, `the type ${name}`);
}

function identifier(node) {
  return taken.has(node.text) ? `${node.text}_` : node.text;
}

function statement(node) {
  switch (node.kind) {
    case SyntaxKind.Block:
      return `{\n${node.statements.map(statement).join('\n')}\n}`;
    case SyntaxKind.VariableStatement:
      return `${declarations(node.declarationList)};`;
    case SyntaxKind.ExpressionStatement:
      return `${expression(node.expression)};`;
    case SyntaxKind.ReturnStatement:
      return node.expression === undefined ? 'return;' : `return ${expression(node.expression)};`;
    case SyntaxKind.BreakStatement:
      return 'break;';
    case SyntaxKind.ContinueStatement:
      return 'continue;';
    case SyntaxKind.IfStatement:
      return `if (${expression(node.expression)}) ${statement(node.thenStatement)}${node.elseStatement === undefined ? '' : ` else ${statement(node.elseStatement)}`}`;
    case SyntaxKind.WhileStatement:
      return `while (${expression(node.expression)}) ${statement(node.statement)}`;
    case SyntaxKind.ForStatement: {
      const first =
        node.initializer === undefined
          ? ''
          : ts.isVariableDeclarationList(node.initializer)
            ? declarations(node.initializer)
            : expression(node.initializer);
      return `for (${first}; ${node.condition === undefined ? '' : expression(node.condition)}; ${node.incrementor === undefined ? '' : expression(node.incrementor)}) ${statement(node.statement)}`;
    }
    case SyntaxKind.SwitchStatement:
      return `switch (${expression(node.expression)}) {\n${node.caseBlock.clauses.map(clause).join('\n')}\n}`;
    default:
      return refuse(node);
  }
}

function clause(node) {
  const head = ts.isCaseClause(node) ? `case ${expression(node.expression)}:` : 'default:';
  return `${head} ${node.statements.map(statement).join(' ')}`;
}

/** Declarations of one list may differ in type, but C++ wants one: each of them is written with its own. */
function declarations(list) {
  const isConstant = (list.flags & ts.NodeFlags.Const) !== 0;
  const written = list.declarations.map((d) => {
    const spelled = d.type === undefined ? 'auto' : type(d.type);
    const value = d.initializer === undefined ? '' : ` = ${expression(d.initializer)}`;
    return `${isConstant ? 'const ' : ''}${spelled} ${identifier(d.name)}${value}`;
  });
  return written.join('; ');
}

function expression(node) {
  switch (node.kind) {
    case SyntaxKind.NumericLiteral:
      return number(node);
    case SyntaxKind.TrueKeyword:
      return 'true';
    case SyntaxKind.FalseKeyword:
      return 'false';
    case SyntaxKind.Identifier:
      return (
        constants.get(node.text) ??
        (node.text === 'ASC_FEATURE_RELAXED_SIMD' ? 'true' : identifier(node))
      );
    case SyntaxKind.ParenthesizedExpression:
      return `(${expression(node.expression)})`;
    case SyntaxKind.TypeAssertionExpression:
      return `((${type(node.type)})${operand(node.expression)})`;
    case SyntaxKind.PrefixUnaryExpression:
      return `${ts.tokenToString(node.operator)}${operand(node.operand)}`;
    case SyntaxKind.PostfixUnaryExpression:
      return `${expression(node.operand)}${ts.tokenToString(node.operator)}`;
    case SyntaxKind.ConditionalExpression:
      return `(${expression(node.condition)} ? ${expression(node.whenTrue)} : ${expression(node.whenFalse)})`;
    case SyntaxKind.BinaryExpression:
      return binary(node);
    case SyntaxKind.PropertyAccessExpression:
      if (!ts.isIdentifier(node.expression)) return refuse(node);
      return `${node.expression.text}::${identifier(node.name)}`;
    case SyntaxKind.CallExpression:
      return call(node);
    default:
      return refuse(node);
  }
}

function operand(node) {
  const written = expression(node);
  return ts.isBinaryExpression(node) ? `(${written})` : written;
}

const operators = new Set([
  '+',
  '-',
  '*',
  '/',
  '%',
  '<<',
  '>>',
  '&',
  '|',
  '<',
  '>',
  '<=',
  '>=',
  '==',
  '!=',
  '&&',
  '||',
  '=',
  '+=',
  '-=',
  '*=',
  '/=',
]);

function binary(node) {
  const operator = node.operatorToken.getText();
  if (!operators.has(operator)) return refuse(node, `the operator ${operator}`);
  return `${expression(node.left)} ${operator} ${expression(node.right)}`;
}

/** A number that AssemblyScript would take for f64 has a point or an exponent; others are whole. */
function number(node) {
  const text = node.getText();
  if (/^0x/.test(text)) return `${text}ll`;
  if (/^\d+$/.test(text) && Number(text) > 2 ** 31 - 1) return `${text}ll`;
  return text;
}

function call(node) {
  const given =
    node.typeArguments === undefined ? '' : `<${node.typeArguments.map(type).join(', ')}>`;
  const values = `(${node.arguments.map(expression).join(', ')})`;
  const callee = node.expression;
  if (ts.isIdentifier(callee)) {
    if (callee.text === 'sizeof') return `((usize)sizeof(${type(node.typeArguments[0])}))`;
    return builtins.has(callee.text)
      ? `as::${callee.text}${given}${values}`
      : `${identifier(callee)}${given}${values}`;
  }
  if (!ts.isPropertyAccessExpression(callee) || !ts.isIdentifier(callee.expression))
    return refuse(node);
  const space = callee.expression.text;
  const name = callee.name.text;
  const shape = shapes.get(space);
  if (shape !== undefined) return `as::v128_${name}<${shape}>${values}`;
  const prefix = namespaces.get(space);
  if (prefix === undefined) return refuse(node, `calling ${callee.getText()}`);
  return `as::${prefix}${name}${given}${values}`;
}
