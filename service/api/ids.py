"""The ids of jobs and snapshots in paths, `{id:digits}`, so that `/v1/jobs/dream` is never taken for one."""

from starlette.convertors import StringConvertor, register_url_convertor


class _Digits(StringConvertor):
    regex = "[0-9]+"


register_url_convertor("digits", _Digits())
