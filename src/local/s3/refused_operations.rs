//! The operations of S3 that are refused, under the names of its published model.

use super::operations::Of;

/// An operation that is refused: its method, and S3's name for it.
pub(super) type Refused = (&'static str, &'static str);

/// An upload from a form in a browser; it has no name in the model.
pub(in crate::local) const POST_OBJECT: &str = "PostObject";

/// What is refused by name: the resource, the parameters that mark it, and the operations by method.
/// Those with more marks come last.
pub(super) const REFUSED: &[(Of, &[&str], &[Refused])] = &[
    (Of::Bucket, &[], &[("POST", POST_OBJECT)]),
    (
        Of::Account,
        &["max-directory-buckets"],
        &[("GET", "ListDirectoryBuckets")],
    ),
    (
        Of::Bucket,
        &["abac"],
        &[("GET", "GetBucketAbac"), ("PUT", "PutBucketAbac")],
    ),
    (
        Of::Bucket,
        &["accelerate"],
        &[
            ("GET", "GetBucketAccelerateConfiguration"),
            ("PUT", "PutBucketAccelerateConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["acl"],
        &[("GET", "GetBucketAcl"), ("PUT", "PutBucketAcl")],
    ),
    (
        Of::Bucket,
        &["analytics"],
        &[("GET", "ListBucketAnalyticsConfigurations")],
    ),
    (
        Of::Bucket,
        &["analytics", "id"],
        &[
            ("DELETE", "DeleteBucketAnalyticsConfiguration"),
            ("GET", "GetBucketAnalyticsConfiguration"),
            ("PUT", "PutBucketAnalyticsConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["cors"],
        &[
            ("DELETE", "DeleteBucketCors"),
            ("GET", "GetBucketCors"),
            ("PUT", "PutBucketCors"),
        ],
    ),
    (
        Of::Bucket,
        &["encryption"],
        &[
            ("DELETE", "DeleteBucketEncryption"),
            ("GET", "GetBucketEncryption"),
            ("PUT", "PutBucketEncryption"),
        ],
    ),
    (
        Of::Bucket,
        &["intelligent-tiering"],
        &[("GET", "ListBucketIntelligentTieringConfigurations")],
    ),
    (
        Of::Bucket,
        &["intelligent-tiering", "id"],
        &[
            ("DELETE", "DeleteBucketIntelligentTieringConfiguration"),
            ("GET", "GetBucketIntelligentTieringConfiguration"),
            ("PUT", "PutBucketIntelligentTieringConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["inventory"],
        &[("GET", "ListBucketInventoryConfigurations")],
    ),
    (
        Of::Bucket,
        &["inventory", "id"],
        &[
            ("DELETE", "DeleteBucketInventoryConfiguration"),
            ("GET", "GetBucketInventoryConfiguration"),
            ("PUT", "PutBucketInventoryConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["lifecycle"],
        &[
            ("DELETE", "DeleteBucketLifecycle"),
            ("GET", "GetBucketLifecycleConfiguration"),
            ("PUT", "PutBucketLifecycleConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["logging"],
        &[("GET", "GetBucketLogging"), ("PUT", "PutBucketLogging")],
    ),
    (
        Of::Bucket,
        &["metadataAnnotationTable"],
        &[("PUT", "UpdateBucketMetadataAnnotationTableConfiguration")],
    ),
    (
        Of::Bucket,
        &["metadataConfiguration"],
        &[
            ("DELETE", "DeleteBucketMetadataConfiguration"),
            ("GET", "GetBucketMetadataConfiguration"),
            ("POST", "CreateBucketMetadataConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["metadataInventoryTable"],
        &[("PUT", "UpdateBucketMetadataInventoryTableConfiguration")],
    ),
    (
        Of::Bucket,
        &["metadataJournalTable"],
        &[("PUT", "UpdateBucketMetadataJournalTableConfiguration")],
    ),
    (
        Of::Bucket,
        &["metadataTable"],
        &[
            ("DELETE", "DeleteBucketMetadataTableConfiguration"),
            ("GET", "GetBucketMetadataTableConfiguration"),
            ("POST", "CreateBucketMetadataTableConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["metrics"],
        &[("GET", "ListBucketMetricsConfigurations")],
    ),
    (
        Of::Bucket,
        &["metrics", "id"],
        &[
            ("DELETE", "DeleteBucketMetricsConfiguration"),
            ("GET", "GetBucketMetricsConfiguration"),
            ("PUT", "PutBucketMetricsConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["notification"],
        &[
            ("GET", "GetBucketNotificationConfiguration"),
            ("PUT", "PutBucketNotificationConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["object-lock"],
        &[
            ("GET", "GetObjectLockConfiguration"),
            ("PUT", "PutObjectLockConfiguration"),
        ],
    ),
    (
        Of::Bucket,
        &["ownershipControls"],
        &[
            ("DELETE", "DeleteBucketOwnershipControls"),
            ("GET", "GetBucketOwnershipControls"),
            ("PUT", "PutBucketOwnershipControls"),
        ],
    ),
    (
        Of::Bucket,
        &["policy"],
        &[
            ("DELETE", "DeleteBucketPolicy"),
            ("GET", "GetBucketPolicy"),
            ("PUT", "PutBucketPolicy"),
        ],
    ),
    (
        Of::Bucket,
        &["policyStatus"],
        &[("GET", "GetBucketPolicyStatus")],
    ),
    (
        Of::Bucket,
        &["publicAccessBlock"],
        &[
            ("DELETE", "DeletePublicAccessBlock"),
            ("GET", "GetPublicAccessBlock"),
            ("PUT", "PutPublicAccessBlock"),
        ],
    ),
    (
        Of::Bucket,
        &["replication"],
        &[
            ("DELETE", "DeleteBucketReplication"),
            ("GET", "GetBucketReplication"),
            ("PUT", "PutBucketReplication"),
        ],
    ),
    (
        Of::Bucket,
        &["requestPayment"],
        &[
            ("GET", "GetBucketRequestPayment"),
            ("PUT", "PutBucketRequestPayment"),
        ],
    ),
    (Of::Bucket, &["session"], &[("GET", "CreateSession")]),
    (
        Of::Bucket,
        &["tagging"],
        &[
            ("DELETE", "DeleteBucketTagging"),
            ("GET", "GetBucketTagging"),
            ("PUT", "PutBucketTagging"),
        ],
    ),
    (
        Of::Bucket,
        &["versioning"],
        &[("PUT", "PutBucketVersioning")],
    ),
    (
        Of::Bucket,
        &["website"],
        &[
            ("DELETE", "DeleteBucketWebsite"),
            ("GET", "GetBucketWebsite"),
            ("PUT", "PutBucketWebsite"),
        ],
    ),
    (
        Of::Object,
        &["acl"],
        &[("GET", "GetObjectAcl"), ("PUT", "PutObjectAcl")],
    ),
    (
        Of::Object,
        &["annotation"],
        &[("GET", "ListObjectAnnotations")],
    ),
    (
        Of::Object,
        &["annotation", "annotationName"],
        &[
            ("DELETE", "DeleteObjectAnnotation"),
            ("GET", "GetObjectAnnotation"),
            ("PUT", "PutObjectAnnotation"),
        ],
    ),
    (
        Of::Object,
        &["encryption"],
        &[("PUT", "UpdateObjectEncryption")],
    ),
    (
        Of::Object,
        &["legal-hold"],
        &[("GET", "GetObjectLegalHold"), ("PUT", "PutObjectLegalHold")],
    ),
    (Of::Object, &["renameObject"], &[("PUT", "RenameObject")]),
    (Of::Object, &["restore"], &[("POST", "RestoreObject")]),
    (
        Of::Object,
        &["retention"],
        &[("GET", "GetObjectRetention"), ("PUT", "PutObjectRetention")],
    ),
    (
        Of::Object,
        &["select", "select-type=2"],
        &[("POST", "SelectObjectContent")],
    ),
    (Of::Object, &["torrent"], &[("GET", "GetObjectTorrent")]),
];
