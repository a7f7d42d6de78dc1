//! What to do about refusals of the control plane: `SageMaker`, Application Auto Scaling, `CloudWatch`.

use super::ServiceError;

/// The remedy, where it is known from the code or from words in the service's message.
pub(super) fn remedy(fault: &ServiceError) -> Option<&'static str> {
    let message = fault.message().unwrap_or_default().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    Some(match fault.code()? {
        "ResourceLimitExceeded" => {
            "ask for a higher quota in Service Quotas (Amazon SageMaker, \"for endpoint usage\"), \
             delete what is not needed, or use fewer or other instances"
        }
        "ResourceInUse" => "wait until the other request on it is done",
        "LimitExceededException" | "LimitExceededFault" | "LimitExceeded" => {
            "delete what is not needed, or ask for a higher quota in Service Quotas"
        }
        "FailedResourceAccessException" => {
            "allow the caller cloudwatch:PutMetricAlarm, cloudwatch:DescribeAlarms and \
             cloudwatch:DeleteAlarms, under which the policy's alarms are made"
        }
        "ObjectNotFoundException" => "register the variant as a scalable target first",
        "ConcurrentUpdateException" | "ResourceConflict" => {
            "another request is changing the same resource: try again when it is done"
        }
        "InvalidNextTokenException" | "InvalidNextToken" => "list again from the start",
        "ResourceNotFound" => "check the name, the region and the account",
        "ValidationException" | "ValidationError" => {
            return validation(fault.operation(), &says);
        }
        _ => return None,
    })
}

fn validation(operation: &str, says: &dyn Fn(&[&str]) -> bool) -> Option<&'static str> {
    Some(if says(&["already existing", "already exists"]) {
        "choose another name, or delete the existing one and wait until it is gone"
    } else if says(&["in-progress", "in progress"]) {
        "wait until the endpoint is in service (wait_in_service), then try again"
    } else if says(&["deregisterscalabletarget"]) {
        "remove the scaling of the endpoint's variants first, or allow the caller \
         application-autoscaling:DeregisterScalableTarget"
    } else if operation.contains("Endpoint") && says(&["scalable target"]) {
        "remove the scaling of the variant first, and set it up again afterwards"
    } else if says(&["local storage", "instance store", "nvme"]) {
        "leave out the endpoint's KMS key: instances of this type encrypt their local storage themselves"
    } else if says(&["kms"]) {
        "check that the KMS key exists, in the endpoint's region, is enabled, and may be used by the \
         caller and the execution role (kms:CreateGrant, kms:Decrypt, kms:DescribeKey)"
    } else if says(&["subnet", "security group"]) {
        "check that the subnets and the security groups exist, in the endpoint's region and in one VPC"
    } else if says(&["could not access model data"]) {
        "check that the model's data exist, in the endpoint's region, and that the execution \
         role may s3:GetObject them"
    } else if says(&["assume role", "assume the role", "not authorized to assume"]) {
        "check that the execution role exists and that its trust policy allows \
         sagemaker.amazonaws.com to assume it"
    } else if says(&["model data"]) {
        "check that the model's data exist, in the endpoint's region, and that the execution \
         role may s3:GetObject them"
    } else if says(&["image", "ecr:", ".ecr."]) {
        "check that the image exists, in the endpoint's region, and that the execution role may \
         pull it (ecr:BatchGetImage, ecr:GetDownloadUrlForLayer)"
    } else if says(&["only one targettrackingscaling"]) {
        "delete the variant's other policy for this metric (describe_policies lists them, delete_policy deletes one)"
    } else if says(&["scalable target", "no scaling"]) {
        "register the variant as a scalable target first"
    } else if says(&["could not find", "not found"]) {
        match operation {
            "CreateEndpointConfig" => "create the model first, or check its name and region",
            "CreateEndpoint" | "UpdateEndpoint" => {
                "create the endpoint configuration first, or check the names and the region"
            }
            _ => "check the name, the region and the account",
        }
    } else {
        return None;
    })
}

/// The IAM actions that an operation needs.
pub(super) fn iam_actions(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "CreateModel" => "sagemaker:CreateModel, and iam:PassRole on the execution role",
        "CreateEndpointConfig" => "sagemaker:CreateEndpointConfig",
        "CreateEndpoint" => "sagemaker:CreateEndpoint",
        "DescribeModel" => "sagemaker:DescribeModel",
        "DescribeEndpointConfig" => "sagemaker:DescribeEndpointConfig",
        "DescribeEndpoint" => "sagemaker:DescribeEndpoint",
        "UpdateEndpoint" => "sagemaker:UpdateEndpoint",
        "UpdateEndpointWeightsAndCapacities" => "sagemaker:UpdateEndpointWeightsAndCapacities",
        "DeleteModel" => "sagemaker:DeleteModel",
        "DeleteEndpointConfig" => "sagemaker:DeleteEndpointConfig",
        "DeleteEndpoint" => "sagemaker:DeleteEndpoint",
        "ListEndpoints" => "sagemaker:ListEndpoints",
        "ListTags" => "sagemaker:ListTags",
        "RegisterScalableTarget" => {
            "application-autoscaling:RegisterScalableTarget, and the first time \
             iam:CreateServiceLinkedRole"
        }
        "DescribeScalableTargets" => "application-autoscaling:DescribeScalableTargets",
        "DeregisterScalableTarget" => "application-autoscaling:DeregisterScalableTarget",
        "PutScalingPolicy" => "application-autoscaling:PutScalingPolicy",
        "DescribeScalingPolicies" => "application-autoscaling:DescribeScalingPolicies",
        "DeleteScalingPolicy" => "application-autoscaling:DeleteScalingPolicy",
        "PutMetricAlarm" => "cloudwatch:PutMetricAlarm",
        "DeleteAlarms" => "cloudwatch:DeleteAlarms",
        "GetMetricData" => "cloudwatch:GetMetricData",
        "ReceiveMessage" => "sqs:ReceiveMessage (and, with a KMS key, kms:Decrypt)",
        "DeleteMessageBatch" => "sqs:DeleteMessage",
        "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch" => "sqs:ChangeMessageVisibility",
        "GetQueueUrl" => "sqs:GetQueueUrl",
        "GetQueueAttributes" => "sqs:GetQueueAttributes",
        _ => return None,
    })
}
