"""Figures for Prometheus, read back by Prometheus's own parser."""

from prometheus_client.parser import text_string_to_metric_families

from skin_r1.serve.operation.meters import BUCKETS, Meters


def values(meters):
    families = text_string_to_metric_families(meters.render().decode())
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_a_request_is_counted_timed_and_no_longer_at_work():
    meters, route = Meters(), ("route", "/v1/diagnose")
    meters.began("/v1/diagnose")
    meters.began("/v1/diagnose")
    assert values(meters)["skin_r1_requests_at_work", route] == 2
    meters.ended("/v1/diagnose", 200, 0.3)
    meters.ended("/v1/diagnose", 429, 0.001)
    found = values(meters)
    assert found["skin_r1_requests_at_work", route] == 0
    assert found["skin_r1_requests_total", route, ("status", "200")] == 1
    assert found["skin_r1_request_seconds_bucket", ("le", "0.25"), route] == 1
    assert (
        found["skin_r1_request_seconds_bucket", ("le", "0.5"), route]
        == found["skin_r1_request_seconds_count", route]
        == 2
    )


def test_the_other_figures():
    meters = Meters()
    meters.refused("busy")
    meters.waiting(3)
    meters.waiting(1)
    meters.abstained("poor_image")
    meters.triage("urgent")
    meters.decode(0.02)
    meters.engine(100)
    found = values(meters)
    assert found["skin_r1_refused_total", ("code", "busy")] == found["skin_r1_requests_waiting",] == 1
    assert found["skin_r1_abstained_total", ("reason_code", "poor_image")] == 1
    assert found["skin_r1_triage_total", ("level", "urgent")] == 1
    assert found["skin_r1_decode_seconds_bucket", ("le", "0.025")] == 1
    assert found["skin_r1_engine_seconds_bucket", ("le", "60.0")] == 0
    assert found["skin_r1_engine_seconds_bucket", ("le", "120.0")] == 1
    assert found["process_resident_memory_bytes",] > 2**20


def test_two_servers_do_not_share_figures_and_the_buckets_span_the_work():
    first, second = Meters(), Meters()
    first.refused("busy")
    assert ("skin_r1_refused_total", ("code", "busy")) not in values(second)
    assert BUCKETS[0] == 0.01 and BUCKETS[-1] == 120 and list(BUCKETS) == sorted(BUCKETS)
