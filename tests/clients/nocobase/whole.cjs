// One workflow from sign-in to sign-out, as its makers and those who look after it go about it.
const assert = require('node:assert/strict');

let api, kit, data, fails, work;

async function signIn() {
  await fails(401, api.resource('executions').list(), 'EMPTY_TOKEN');
  await fails(401, api.auth.signIn({ account: kit.account, password: 'wrong' }, 'basic'));
  const response = await api.auth.signIn({ account: kit.account, password: kit.password }, 'basic');
  assert.equal(data(response).user.username, kit.account);
  assert.equal(api.auth.token, data(response).token);
  assert.equal(data(await api.request({ url: 'auth:check' })).username, kit.account);
  const roles = await api.request({ url: 'roles:check' });
  assert.equal(data(roles).allowAll, true);
  assert.deepEqual(roles.data.meta, { dataSources: {} });
  return data(response).user;
}

async function build(user) {
  const category = data(await api.resource('workflowCategories').create({ values: { title: 'Clients' } }));
  const workflows = api.resource('workflows');
  const flow = data(await workflows.create({
    values: { title: 'By its own client', type: 'manual', sync: false, current: true, config: {}, categories: [category.id], options: {} },
  }));
  assert.ok(Number.isSafeInteger(flow.id));
  const nodes = api.resource('workflows.nodes', flow.id);
  const echo = { type: 'variable', config: { value: '{{$context.name}}' } };
  const last = data(await nodes.create({ values: { ...echo, title: 'last', upstreamId: null, branchIndex: null } }));
  const gate = data(await nodes.create({
    values: { type: 'condition', title: 'gate', upstreamId: null, config: { rejectOnFalse: false, engine: 'math.js', expression: '1 == 1' } },
  }));
  assert.equal(gate.downstreamId, last.id);
  const form = { type: 'custom', actions: [{ key: 'yes', status: 1 }, { key: 'no', status: -5 }] };
  const task = data(await nodes.create({
    values: { type: 'manual', title: 'Look', upstreamId: gate.id, branchIndex: 1, config: { assignees: [user.id], forms: { f: form } } },
  }));
  const copy = data(await api.resource('flow_nodes').duplicate({ filterByTk: last.id, values: { upstreamId: last.id } }));
  await api.resource('flow_nodes').move({ filterByTk: copy.id, values: { upstreamId: task.id, branchIndex: null } });
  await api.resource('flow_nodes').update({ filterByTk: copy.id, values: { title: 'after the task' } });
  await fails(400, api.resource('flow_nodes').move({ filterByTk: gate.id, values: { upstreamId: task.id } }));
  const trial = data(await api.resource('flow_nodes').test({
    values: { type: 'calculation', config: { engine: 'math.js', expression: '1+2' } },
  }));
  assert.equal(trial.result, 3);
  assert.equal(data(await nodes.list({ sort: ['id'] })).length, 4);
  assert.equal(data(await workflows.update({ filterByTk: flow.id, values: { enabled: true } }))[0].enabled, true);
  assert.equal((await workflows.sync({ filterByTk: flow.id })).status, 204);
  const listed = await workflows.list({
    page: 1, pageSize: 20, sort: ['-createdAt'], appends: ['categories', 'stats'], except: ['config'],
    filter: { current: true, 'categories.id': category.id },
  });
  assert.equal(listed.data.meta.count, 1);
  assert.equal(data(listed)[0].categories[0].title, 'Clients');
  assert.equal(data(listed)[0].stats.executed, 0);
  return flow;
}

async function run(flow) {
  const execute = (values, more) => api.resource('workflows').execute({ filterByTk: flow.id, values, ...more });
  const first = data(await execute({ name: 'John Doe' }));
  assert.equal(first.execution.status, 0);
  await work();
  const executions = api.resource('executions');
  const found = data(await executions.get({
    filterByTk: first.execution.id,
    appends: ['jobs', 'workflow', 'workflow.nodes', 'workflow.versionStats', 'workflow.stats'],
    except: ['jobs.result', 'workflow.options'],
  }));
  assert.equal(found.workflow.nodes.length, 4);
  assert.equal(found.workflow.versionStats.executed, 1);
  assert.equal(found.jobs.length, 2);
  assert.ok(found.jobs.every((job) => !('result' in job) && found.workflow.nodes.some((node) => node.id === job.nodeId)));
  await fails(400, api.resource('workflows').update({ filterByTk: flow.id, values: { config: { fields: [{ name: 'a' }] } } }));
  return first.execution.id;
}

async function answer(id) {
  const tasks = api.resource('workflowManualTasks');
  const badge = data(await api.resource('userWorkflowTasks').listMine({ filter: { type: ['manual'] } }));
  assert.ok(badge[0].stats.pending >= 1 && badge[0].stats.all >= badge[0].stats.pending);
  const listed = await tasks.listMine({
    page: 1, pageSize: 20, sort: ['-createdAt'], filter: { status: 0 }, appends: ['node.id', 'node.title', 'job.status', 'workflow.title'],
  });
  assert.equal(listed.data.meta.hasNext, false);
  const [task] = data(listed);
  assert.deepEqual([task.node.title, task.job, task.workflow.title], ['Look', { status: 0 }, 'By its own client']);
  const submitted = await tasks.submit({ filterByTk: task.id, values: { result: { f: { note: 'fine' }, _: 'yes' } } });
  assert.equal(submitted.status, 202);
  await work();
  const done = data(await api.resource('executions').get({ filterByTk: id, appends: ['jobs'] }));
  assert.equal(done.status, 1);
  assert.deepEqual(done.jobs.find((job) => job.nodeId === task.nodeId).result, { f: { note: 'fine' }, _: 'yes' });
}

async function look(flow, id) {
  const executions = api.resource('executions');
  const ids = [];
  for (let index = 0; index < 3; index += 1) {
    ids.push(data(await api.resource('workflows').execute({ filterByTk: flow.id, values: { index } })).execution.id);
  }
  const page = await executions.list({
    filter: { workflowId: flow.id }, appends: ['jobs'], fields: ['id', 'createdAt', 'status', 'workflowId'], sort: ['-id'], page: 2, pageSize: 2,
  });
  assert.deepEqual(page.data.meta, { count: 4, page: 2, pageSize: 2, totalPage: 2 });
  assert.deepEqual(data(page).map((row) => row.id), [ids[0], id]);
  const waiting = { $and: [{ key: flow.key }, { status: { $in: [0] } }, { 'workflow.title.$includes': 'OWN' }] };
  assert.equal(data(await executions.list({ filter: waiting })).length, 3);
  assert.equal(data(await executions.list({ filter: { status: 0, key: flow.key }, createdAt: { $gte: '2023-01-01' } })).length, 3);
  assert.equal(data(await executions.list({ filter: { status: 0 }, createdAt: { $lt: '2023-01-01' } })).length, 0);
  const bracketed = await api.request({ url: 'executions:list', params: { filter: { status: 1, key: flow.key } } });
  assert.deepEqual(data(bracketed).map((row) => row.id), [id]);
  await fails(400, executions.list({ filter: { nothing: 1 } }));
  const lines = data(await executions.logs({ filterByTk: id, level: 'INFO' }));
  assert.ok(lines.length > 3 && lines.every((line) => line.executionId === id));
  assert.ok(data(await executions.graph({ filterByTk: id })).nodes.length);
  assert.ok(data(await executions.timeline({ filterByTk: id })).jobs.length);
  return ids;
}

async function end(flow, id, ids) {
  const executions = api.resource('executions');
  assert.ok(data(await executions.pause({ filterByTk: ids[0] })).pausedAt);
  assert.equal(data(await executions.resume({ filterByTk: ids[0] })).pausedAt, null);
  const canceled = data(await executions.cancel({ filterByTk: ids[0] }));
  assert.deepEqual([canceled.status, canceled.reason], [-3, 'manual_cancel']);
  await fails(400, executions.cancel({ filterByTk: ids[0] }));
  await fails(404, executions.cancel({ filterByTk: 999999999 }));
  const again = await executions.rerun({ filterByTk: ids[0], values: {} });
  assert.equal(again.status, 202);
  assert.equal(data(again).rerunOfId, ids[0]);
  await work();
  assert.equal(data(await executions.destroy({ filterByTk: ids[1] })), 0);
  assert.equal(data(await executions.destroy({ filterByTk: [id, ids[0]] })), 2);
  assert.equal(data(await executions.get({ filterByTk: id })), null);
  const revision = data(await api.resource('workflows').revision({ filterByTk: flow.id, filter: { key: flow.key } }));
  assert.deepEqual([revision.key, revision.current], [flow.key, null]);
  assert.equal(data(await api.resource('workflows').destroy({ filterByTk: flow.id })), 2);
}

async function rows() {
  const customers = api.resource('shop.Customer');
  const made = data(await customers.create({ values: { name: 'a b&c=d' } }));
  assert.equal(data(await customers.list({ filter: { 'name.$includes': 'a b&c=d' } }))[0].id, made.id);
  assert.equal(data(await customers.update({ filterByTk: made.id, values: { tier: 'gold' } }))[0].tier, 'gold');
  assert.equal(data(await customers.destroy({ filterByTk: made.id })), 1);
}

module.exports = async (given) => {
  kit = given;
  ({ api, data } = kit);
  fails = (...more) => kit.fails(...more);
  work = () => kit.work();
  const user = await signIn();
  const flow = await build(user);
  const id = await run(flow);
  await answer(id);
  await end(flow, id, await look(flow, id));
  await rows();
  const { token } = api.auth;
  await api.auth.signOut();
  assert.ok(!api.auth.token);
  await fails(401, api.resource('executions').list(), 'EMPTY_TOKEN');
  await fails(401, api.request({ url: 'auth:check', headers: { Authorization: `Bearer ${token}` } }), 'BLOCKED_TOKEN');
};
