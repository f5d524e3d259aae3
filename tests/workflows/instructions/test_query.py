import pytest

from config.shop.models import Customer, Line, Order, Product
from workflows.errors import Invalid
from workflows.instructions import query
from workflows.instructions.query import Query
from workflows.statuses import JobStatus


def config(multiple=True, fail=False, collection="shop.Order", **params):
    return {"collection": collection, "multiple": multiple, "failOnEmpty": fail, "params": params}


@pytest.fixture
def orders(db):
    ann, bob = Customer.objects.create(name="Ann", tier="gold"), Customer.objects.create(name="Bob")
    return [
        Order.objects.create(customer=customer, number=number, note=f"o{number}", total=total)
        for customer, number, total in [(ann, 1, 30), (ann, 2, 10), (bob, 3, 20), (bob, None, 10)]
    ]


def run(make_step, raw, **context):
    return Query().run(make_step(Query, raw, scope={"$context": context}))


def numbers(outcome):
    return [row["number"] for row in outcome.result]


@pytest.mark.parametrize(
    ("multiple", "fail", "status", "result"),
    [
        (False, False, JobStatus.RESOLVED, None),
        (True, False, JobStatus.RESOLVED, []),
        (False, True, JobStatus.FAILED, None),
        (True, True, JobStatus.FAILED, []),
    ],
)
def test_169_without_a_match(make_step, orders, multiple, fail, status, result):
    outcome = run(make_step, config(multiple, fail, filter={"number": 9}))
    assert (outcome.status, outcome.result) == (status, result)


def test_the_first_match_is_a_row(make_step, orders):
    outcome = run(make_step, config(False, filter={"number": "{{$context.n}}"}), n=2)
    assert (outcome.result["number"], outcome.result["total"]) == (2, 10)
    assert outcome.input["params"]["filter"] == {"number": 2}


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ([], [1, 2, 3, None]),
        (None, [1, 2, 3, None]),
        ([{"field": "total"}], [2, None, 3, 1]),
        ([{"field": "total", "direction": "desc"}], [1, 3, 2, None]),
        ([{"field": "number", "direction": "asc"}], [1, 2, 3, None]),
        ([{"field": "number", "direction": "desc"}], [3, 2, 1, None]),
        ([{"field": "customer.name", "direction": "DESC"}, {"field": "number"}], [3, None, 1, 2]),
        ([{}, {"field": None}], [1, 2, 3, None]),
    ],
)
def test_sort_puts_nulls_last(make_step, orders, sort, found):
    assert numbers(run(make_step, config(sort=sort))) == found


@pytest.mark.parametrize(
    ("page", "size", "found"),
    [
        (1, 2, [1, 2]),
        (2, 2, [3, None]),
        (3, 2, []),
        ("{{$context.page}}", "2", [3, None]),
        (None, None, [1, 2, 3, None]),
        (0, -1, [1, 2, 3, None]),
        (10**30, 10, []),
    ],
)
def test_170_pages(make_step, orders, page, size, found):
    assert numbers(run(make_step, config(page=page, pageSize=size), page=2)) == found


def test_pages_have_a_default_size_and_a_limit(make_step, db, monkeypatch):
    Customer.objects.bulk_create(Customer(name=f"c{n}") for n in range(25))
    assert len(run(make_step, config(collection="shop.Customer")).result) == query.DEFAULT_PAGE_SIZE
    monkeypatch.setattr(query, "MOST_ROWS", 3)
    assert len(run(make_step, config(collection="shop.Customer", pageSize=1000)).result) == 3


def test_171_relations(make_step, orders):
    raw = config(filter={"customer": {"tier": "gold"}}, appends=["customer"])
    outcome = run(make_step, raw)
    assert numbers(outcome) == [1, 2]
    assert {row["customer"]["name"] for row in outcome.result} == {"Ann"}


def test_queries_do_not_grow_with_rows(make_step, orders, django_assert_num_queries):
    tea = Product.objects.create(name="Tea", price=1)
    for order in orders:
        Line.objects.create(order=order, product=tea, price=1)
    step = make_step(Query, config(appends=["customer", "lines.product"]))
    with django_assert_num_queries(3):
        outcome = Query().run(step)
    assert outcome.result[3]["lines"][0]["product"]["name"] == "Tea"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, "collection"),
        (config(filter={"nope": 1}), "params.filter.nope"),
        (config(appends=["nope"]), "params.appends.0"),
        (config(sort=[{"field": "number"}, {"field": "nope"}]), "params.sort.1.field"),
        (config(sort=[{"field": "lines.price"}]), "params.sort.0.field"),
        (config(sort=[{"field": "number", "direction": "up"}]), "params.sort.0.direction"),
        (config(page="x"), "params.page"),
        (config(pageSize="x"), "params.pageSize"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_path(raw, field):
    with pytest.raises(Invalid) as caught:
        Query().check(Query().parse(raw))
    assert field in caught.value.errors


def test_a_page_that_is_none_once_rendered(make_step, orders):
    with pytest.raises(Invalid) as caught:
        run(make_step, config(page="{{$context.page}}"), page={"a": 1})
    assert caught.value.field == "params.page"


def test_a_good_configuration():
    parsed = Query().parse(config(None, None, filter="{{$context.filter}}", page="{{$context.page}}", appends=None))
    Query().check(parsed)
    assert Query().written_models(parsed) == []
