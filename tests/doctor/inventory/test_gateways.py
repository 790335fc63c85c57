"""Tests of the gateway that gets the requests."""

import pytest

from authprobe.core.clouds import Cloud
from authprobe.doctor.inventory.environment import Variable
from authprobe.doctor.inventory.gateways import CLOUD_BASE_URLS, find_base_url


def is_gateway(cloud: Cloud, host: str) -> bool:
    """Return True if a base URL of this cloud with this host is a gateway."""
    name = CLOUD_BASE_URLS[cloud]
    values = {cloud.switch: "1", name: f"https://{host}/x"}
    url = find_base_url(
        {key: Variable(name=key, value=value, source="test") for key, value in values.items()}
    )
    assert url is not None
    return url.is_gateway


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        (Cloud.BEDROCK, "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        (Cloud.BEDROCK, "vpce-0a1b-2c3d.bedrock-runtime.eu-west-1.vpce.amazonaws.com"),
        (Cloud.BEDROCK, "Bedrock-Runtime-FIPS.us-east-1.amazonaws.com"),
        (Cloud.VERTEX, "europe-west1-aiplatform.googleapis.com"),
        (Cloud.FOUNDRY, "mine.services.ai.azure.com"),
    ],
)
def test_the_service_of_a_cloud_is_no_gateway(cloud: Cloud, host: str) -> None:
    assert not is_gateway(cloud, host)


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        (Cloud.BEDROCK, "gateway.example"),
        (Cloud.BEDROCK, "ec2-203-0-113-7.compute-1.amazonaws.com"),
        (Cloud.BEDROCK, "ec2-203-0-113-7.eu-west-1.compute.amazonaws.com"),
        (Cloud.BEDROCK, "bedrock-1.us-east-1.elb.amazonaws.com"),
        (Cloud.BEDROCK, "bedrock-1.elb.us-east-1.amazonaws.com"),
        (Cloud.BEDROCK, "abc.execute-api.us-east-1.amazonaws.com"),
        (Cloud.BEDROCK, "bedrock.us-east-1.amazonaws.com.example"),
        (Cloud.VERTEX, "googleapis.com.example"),
        (Cloud.FOUNDRY, "mine.westeurope.cloudapp.azure.com"),
    ],
)
def test_a_machine_of_a_customer_in_a_cloud_is_a_gateway(cloud: Cloud, host: str) -> None:
    assert is_gateway(cloud, host)
